"""What explain says of a file's place in a repository's document, and of a document that is left out."""

from jobs.commands.document_lines import MOST_LINES, checks_told, places_told

PLACE = {"repository": "r", "part": 2, "position": 0, "path": "a/b.py", "piece": 1, "pieces": 1, "cycle": None, "needs": ["a/c.py", "d.py"]}
CHECK = {"layout": "commit/1", "policy": "demo", "reasons": [], "matches": [], "held_out": None, "section": None, "similarity": None}


def test_a_place_is_told_with_what_the_file_imports() -> None:
    assert places_told([PLACE]) == ["  in the repository document r#2, number 1, as a/b.py; imports a/c.py, d.py"]
    assert places_told([PLACE | {"needs": [], "cycle": 3, "piece": 2, "pieces": 5}]) == [
        "  in the repository document r#2, number 1, as a/b.py, piece 2 of 5, in a cycle"
    ]
    assert len(places_told([PLACE] * 99)) == MOST_LINES + 1


def test_a_document_that_is_left_out_says_what_it_shares() -> None:
    assert checks_told([CHECK]) == []
    match = {"benchmark": "HumanEval", "item": "HumanEval/0", "ngram": "a b", "offset_bytes": 3}
    like = {"held_out": "commit h@1 file w.py", "section": "create w.py", "similarity": 0.914}
    both = CHECK | {"reasons": ["contaminated", "near_duplicate_of_held_out"], "matches": [match]} | like
    assert checks_told([both]) == [
        "  the document commit/1 is left out by policy demo: contaminated, near_duplicate_of_held_out",
        "    shares with HumanEval HumanEval/0: a b",
        "    create w.py is like commit h@1 file w.py, which is held out, 91% alike",
    ]
    of_repository = CHECK | {"reasons": ["near_duplicate_of_held_out"], "held_out": "h"}
    assert checks_told([of_repository])[1] == "    its repository is like h, which is held out"
