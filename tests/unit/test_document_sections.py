"""The texts inside documents: files of commits and of repositories, as they were before they were put together."""

import json

from hypothesis import given
from hypothesis import strategies as st

from udfs import commit_layout, repository_layout
from udfs.commit_layout import CommitDocument, PathChange
from udfs.document_sections import sections, without_escapes
from udfs.edits import Edit
from udfs.repository_layout import FileText

NOTEBOOK = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": ["x = 1\n", "y = 2"], "outputs": []}]})


def test_a_commit_shows_its_readme_its_files_and_what_is_new_in_each_path() -> None:
    changes = (
        PathChange("create", "new.py", text="created\n"),
        PathChange("delete", "gone.py"),
        PathChange("modify", "old.py", edits=(Edit("a\n", "b\n"), Edit("c\n", ""), Edit("d\n", "e\n"))),
        PathChange("rename", "moved.py", old_path="there.py"),
    )
    text = commit_layout.written(CommitDocument("message", ("README", "read\n"), "tree\n", (("old.py", "@@@ x\n"),), changes))
    assert list(sections("commit", text)) == [
        ("readme README", "read\n"), ("file old.py", "@@@ x\n"), ("create new.py", "created\n"), ("modify old.py", "b\ne\n"),
    ]  # fmt: skip


def test_a_notebook_in_a_commit_is_read_and_a_piece_of_one_is_not() -> None:
    files = (("a.ipynb", NOTEBOOK), ("b.ipynb", NOTEBOOK[:50]))
    text = commit_layout.written(CommitDocument("m", None, None, files, ()))
    assert list(sections("commit", text)) == [("file a.ipynb", "```\nx = 1\ny = 2\n```\n"), ("file b.ipynb", NOTEBOOK[:50])]


@given(st.lists(st.tuples(st.sampled_from(["a", "b/c", " d"]), st.text()), min_size=1))
def test_a_part_of_a_repository_shows_its_files(files: list[tuple[str, str]]) -> None:
    text = "".join(repository_layout.written(FileText(path, body)) for path, body in files)
    assert list(sections("repository", text)) == [(f"file {path}", body) for path, body in files]


@given(st.sampled_from(["commit", "repository", "file", "page"]), st.text())
def test_what_is_no_document_of_its_layout_is_one_section(kind: str, text: str) -> None:
    assert list(sections(kind, f"x{text}")) == [("document", f"x{text}")]


def test_escapes_of_a_notebook_part_no_words_and_move_none() -> None:
    text = f"file a.ipynb {NOTEBOOK}"
    found = without_escapes(text)
    assert len(found) == len(text) and "\\n" not in found and found.index("y = 2") == text.index("y = 2")
    assert without_escapes(r"no notebook\n") == r"no notebook\n"
