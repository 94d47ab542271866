"""A repository's text is read back file by file, whatever texts and paths are in it; pieces of a file are the file."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.test_commit_layout import PATHS, TEXTS
from udfs.commit_layout import LayoutError
from udfs.repository_layout import FileText, head_bytes, piece_count, piece_of, read, written

ODD = st.sampled_from(["\\xff\\xfe.c", "a\tb", "2/3 x", "a\u2028b", "\ud7ff", "@@@ file x", '"', "ü/ß.py", "x" * 300])
FILES = st.one_of(
    st.builds(FileText, PATHS | ODD, TEXTS | st.text(max_size=9)),
    st.integers(2, 9).flatmap(lambda pieces: st.builds(FileText, PATHS | ODD, TEXTS, st.integers(1, pieces), st.just(pieces))),
)


@given(st.lists(FILES, max_size=5))
@example([FileText("2/3 x", "@@@ file y\n\\@@@"), FileText("x", "", 2, 3)])
def test_what_is_written_is_read_back(files):
    document = "".join(map(written, files))
    assert read(document) == files
    assert document.count("\n@@@") + document.startswith("@@@") == len(files)


@given(FILES)
def test_the_head_costs_no_more_than_is_reckoned(file):
    plain = file.text.replace("@@@", "")
    size = len(written(FileText(file.path, plain, file.piece, file.pieces)).encode()) - len(plain.encode())
    assert head_bytes(file.path, file.pieces) - 3 <= size <= head_bytes(file.path, file.pieces)


@given(st.text(alphabet="ab\nü𝄞", max_size=200), st.integers(40, 90))
def test_pieces_are_the_text_and_each_fits(text, window):
    raw = text.encode()
    pieces = piece_count(len(raw), "p", window)
    found = [piece_of(raw, number, pieces) for number in range(1, pieces + 1)]
    assert b"".join(found) == raw
    if pieces > 1:
        written_pieces = [written(FileText("p", part.decode(), number, pieces)) for number, part in enumerate(found, start=1)]
        assert all(len(one.encode()) <= window for one in written_pieces)


def test_a_file_of_a_million_lines_is_cut_behind_lines_and_one_long_line_at_characters():
    text = b"value\n" * 1_000_000
    pieces = piece_count(len(text), "big.py", 114_688)
    found = [piece_of(text, number, pieces) for number in range(1, pieces + 1)]
    assert b"".join(found) == text and all(part.endswith(b"\n") and len(part) < 114_688 for part in found)
    line = "é".encode() * 500_000
    assert "".join(piece_of(line, number, 9).decode() for number in range(1, 10)).encode() == line


@pytest.mark.parametrize("text", ["x\n", "@@@ file\n", "@@@ piece x\n", "@@@ piece 0/2 x\n", "@@@ other x\n", "@@@\n"])
def test_what_is_no_document_is_refused(text):
    with pytest.raises(LayoutError):
        read(text)
