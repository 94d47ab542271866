"""Kernels of pages are compiled before they are needed, and whoever waits for it is told."""

import subprocess
import sys

from jobs.runtime import setup_kernels
from udfs import page_text


def test_who_waits_is_told_and_who_does_not_is_left_alone(monkeypatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(page_text, "is_compiled", lambda: False)
    setup_kernels.compile_kernels(told.append)
    assert told == [setup_kernels.TOLD]
    monkeypatch.undo()
    assert page_text.is_compiled()
    setup_kernels.compile_kernels(told.append)
    assert len(told) == 1


def test_the_next_process_finds_them(tmp_path) -> None:
    setup_kernels.compile_kernels(lambda line: None)
    again = subprocess.run([sys.executable, "-m", "jobs.runtime.setup_kernels"], capture_output=True, text=True, check=True, timeout=20)
    assert (again.stdout, again.stderr) == ("", "")
