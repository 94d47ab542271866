"""Which files a run of tokens holds, beside a search for each byte of the text that the tokens say."""

from bisect import bisect_right

import pytest

from tests.mixed_lake import COMMIT, PARTS, REPOSITORY, commit_text, mixed_rows, part_text, text_of, tokenizer
from udfs.piece_sections import TokenPlaces, sections
from udfs.repository_layout import FileText, written

KNOWN, ROWS = tokenizer(), mixed_rows()
OWN = [*((f"{REPOSITORY}#{part}", part_text(part)) for part in PARTS), (f"{REPOSITORY}@{COMMIT}", commit_text())]


@pytest.mark.parametrize("mixture", ["demo", "good"])
@pytest.mark.parametrize(("candidate", "text"), OWN)
def test_a_piece_holds_the_sections_of_the_bytes_that_its_tokens_say(mixture: str, candidate: str, text: str) -> None:
    """Filled in the middle, the bytes of all pieces are the text turned by the length of its suffix."""
    rows = [row for row in ROWS.rows["mix/sequences"] if row["mixture"] == mixture]
    pieces = [(piece, text_of(row, piece, KNOWN)) for row in rows for piece in row["pieces"] if piece["candidate"] == candidate]
    data, turned = text.encode(), b"".join(said for _, said in pieces)
    (turn,) = [place for place in range(len(data)) if turned[place:] + turned[:place] == data]
    assert (turn > 0) == (mixture == "good")
    found, places, seen = sections(text), TokenPlaces(KNOWN, candidate, text, mixture == "good"), 0
    starts = [section.start for section in found]
    for piece, said in pieces:
        wanted = {bisect_right(starts, (seen + byte - turn) % len(data)) - 1 for byte in range(len(said))}
        assert places.held(found, piece["token_offset"], piece["token_count"], piece["text_bytes"]) == sorted(wanted)
        seen += len(said)


def test_tokens_of_another_text_are_not_known() -> None:
    places, found = TokenPlaces(KNOWN, "r#0", part_text(0), False), sections(part_text(0))
    assert places.held(found, 0, 5, 1000) is None and places.held(found, 10_000, 5, 10) is None


def test_a_commit_names_its_files_and_a_line_for_each_path() -> None:
    named = [(section.kind, section.path) for section in sections(commit_text())]
    shown = [("commit", None), ("readme", "README"), ("tree", None), ("file", "a.py"), ("file", "c.py"), ("predict", None)]
    lines = [("modify", "a.py"), ("create", "new.py"), ("delete", "b.py")]
    assert named == [*shown, *lines, ("edit", "a.py"), ("create", "new.py"), ("end", None)]


def test_paths_and_lines_that_look_like_heads_are_read_as_they_were() -> None:
    files = [FileText(' odd "name"', "@@@ file no.py\n"), FileText("long.sql", "x", 2, 5)]
    found = sections("".join(map(written, files)))
    assert [(section.kind, section.path) for section in found] == [
        ("file", ' odd "name"'),
        ("piece", "long.sql"),
    ]
