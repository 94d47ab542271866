"""Documents are read back as they were written, whatever texts and paths are in them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from udfs.commit_layout import CommitDocument, LayoutError, PathChange, applied, read, section, written, written_path
from udfs.edits import Edit, EditError

TEXTS = st.lists(
    st.sampled_from(["@@@", "@@@ end", "\\@@@ file x", "\\\\@@@", "\\", "x = 1", "", " @@@", "\u2028@@@", "\r", "@@@ predict"]), max_size=6
).flatmap(lambda lines: st.sampled_from(["\n".join(lines), "\n".join([*lines, ""])]))
PATHS = st.one_of(
    st.sampled_from(["a.py", "a b.py", 'q"uote', "new\nline", " lead", "trail ", "a => b", "100644 x", "\\x", "\u2028", "tab\tx", "!"]),
    st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable()),
)
MODES = st.sampled_from([None, "100755", "120000"])
EDITS = st.lists(st.builds(Edit, TEXTS, TEXTS), min_size=1, max_size=3).map(tuple)
CHANGES = st.one_of(
    st.builds(PathChange, st.just("create"), PATHS, st.none(), MODES, TEXTS),
    st.builds(PathChange, st.just("modify"), PATHS, st.none(), MODES, st.none(), EDITS),
    st.builds(PathChange, st.just("delete"), PATHS),
    st.builds(PathChange, st.just("rename"), PATHS, PATHS, MODES, st.none(), st.one_of(EDITS, st.just(()))),
)
DOCUMENTS = st.builds(
    CommitDocument,
    TEXTS,
    st.none() | st.tuples(PATHS, TEXTS),
    st.none() | TEXTS,
    st.lists(st.tuples(PATHS, TEXTS), max_size=3).map(tuple),
    st.lists(CHANGES, max_size=4, unique_by=lambda change: change.path).map(tuple),
)


@given(DOCUMENTS)
@example(CommitDocument("", None, "", (), ()))
@example(CommitDocument("m", None, None, (("", "x"),), (PathChange("rename", "b", "a => c"),)))
def test_what_is_written_is_read_back(document: CommitDocument) -> None:
    text = written(document)
    assert read(text) == document
    assert text.endswith("@@@ end\n")


@given(TEXTS, TEXTS)
def test_no_text_can_end_its_section(one: str, other: str) -> None:
    found = read(section("commit", one) + section("tree", other) + section("predict", "") + section("end", ""))
    assert (found.message, found.tree, found.files) == (one, other, ())


@pytest.mark.parametrize(
    ("path", "expected"), [("src/a b.py", "src/a b.py"), (" a", '" a"'), ("a\nb", '"a\\nb"'), ("a => b", '"a => b"'), ("", '""')]
)
def test_a_path_is_quoted_where_it_must_be(path: str, expected: str) -> None:
    assert written_path(path) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello\n",
        "@@@ commit\nx\n",
        "@@@ commit\nx\n@@@ oops\n@@@ predict\n@@@ end\n",
        "@@@\n",
        "@@@ commit\n@@@ predict\n@@@ tree\n@@@ end\n",
    ],
)
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(LayoutError):
        read(text)


def test_changes_give_the_files_after_the_commit() -> None:
    snapshot = {"a.py": ("100644", "x = 1\n"), "b.py": ("100755", "y\n"), "c.py": ("100644", "z\n"), "d.py": ("100644", "w\n")}
    changes = (
        PathChange("modify", "a.py", edits=(Edit("x = 1\n", "x = 2\n"),)),
        PathChange("rename", "e.py", "b.py"),
        PathChange("delete", "c.py"),
        PathChange("create", "f.sh", mode="100755", text="echo\n"),
        PathChange("modify", "d.py", mode="100755"),
    )
    assert applied(changes, snapshot) == {
        "a.py": ("100644", "x = 2\n"),
        "b.py": None,
        "e.py": ("100755", "y\n"),
        "c.py": None,
        "f.sh": ("100755", "echo\n"),
        "d.py": ("100755", "w\n"),
    }
    with pytest.raises(EditError, match="not in the snapshot"):
        applied((PathChange("modify", "absent"),), snapshot)
