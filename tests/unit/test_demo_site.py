"""The demo's pages are the same whenever and by whomever they are made, or its numbers would not be."""

import sys

import pytest

from jobs.demo_site import ROOT, module_pages


def test_pages_of_modules_name_no_place_in_memory_and_nothing_of_who_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    first = module_pages()
    monkeypatch.setenv("MY_TOKEN", "secret-of-mine")
    second = module_pages()
    assert len(first) > 150 and "environ" in first["posix"]
    assert [name for name, page in second.items() if page != first.get(name)] == []
    assert not [name for name, page in second.items() if "secret-of-mine" in page or sys.prefix in page or ROOT in page]
