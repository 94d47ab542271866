"""The index that is carried along against one made from scratch by a library, and terms of code."""

import random
from collections import Counter

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.bm25 import K1, B, Index, changed_terms, file_terms, terms


def by_library(documents: dict[str, Counter[str]], query: list[str] | dict[str, int]) -> dict[str, float]:
    names = sorted(documents)
    model = bm25s.BM25(method="lucene", k1=K1, b=B, dtype="float64")
    model.index([list(documents[name].elements()) for name in names], show_progress=False)
    times = query if isinstance(query, dict) else dict.fromkeys(query, 1)
    known = [term for term, count in times.items() for _ in range(count) if term in model.vocab_dict]
    scores = model.get_scores(known) if known else np.zeros(len(names))
    return {name: float(score) for name, score in zip(names, scores, strict=True) if score > 0}


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_a_library_after_any_changes(seed: int) -> None:
    draw = random.Random(seed)
    words = [f"w{n}" for n in range(30)]
    index, documents = Index(), {}
    for _ in range(200):
        name = f"f{draw.randrange(25)}"
        if draw.random() < 0.3:
            index.remove(name)
            documents.pop(name, None)
        else:
            documents[name] = Counter(draw.choices(words, k=draw.randrange(1, 40)))
            index.add(name, documents[name])
    assert len(index) == len(documents) > 5
    for _ in range(10):
        query = draw.choices([*words, "unknown"], k=draw.randrange(1, 8))
        for asked in (query, {term: draw.randrange(1, 6) for term in query}):
            found, expected = index.scores(asked), by_library(documents, asked)
            assert found.keys() == expected.keys()
            assert all(found[name] == pytest.approx(expected[name], rel=1e-12) for name in found)


def test_the_best_come_first_and_of_equal_ones_the_first_by_name() -> None:
    index = Index()
    for name, text in (("b", "parse option"), ("a", "parse option"), ("c", "parse option option"), ("d", "nothing")):
        index.add(name, Counter(terms(text)))
    assert [name for name, _ in index.search(["option"], 2)] == ["c", "a"]
    assert index.search(["absent"], 5) == [] == Index().search(["x"], 5)


@given(st.lists(st.sampled_from(["a", "a b", "b", "a a", "c"]), max_size=30), st.integers(0, 40))
def test_a_search_gives_the_first_of_all_in_their_order(texts: list[str], most: int) -> None:
    index = Index()
    for number, text in enumerate(texts):
        index.add(f"f{number * 7 % 30}", Counter(text.split()))
    whole = sorted(index.scores(["a", "b"]).items(), key=lambda item: (-item[1], item[0]))
    assert index.search(["a", "b"], most) == whole[:most]


def test_what_is_removed_leaves_nothing() -> None:
    index = Index()
    index.add("a", Counter(["x", "y"]))
    index.add("a", Counter(["z"]))
    assert index.scores(["x", "y"]) == {} and list(index.scores(["z"])) == ["a"]
    index.remove("a")
    index.remove("a")
    assert vars(index) == vars(Index())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTPServer_v2", ["http", "server"]),
        ("parse_options(argv)", ["parse", "options", "argv"]),
        ("camelCaseName XMLHttpRequest2", ["camel", "case", "name", "xml", "http", "request"]),
        ("utf8 sha256 x 42", ["utf", "sha", "256", "42"]),
        ("\u5f00\u53d1 \u00e9cole", ["\u5f00\u53d1", "\u00e9", "cole"]),
        ("", []),
    ],
)
def test_terms_are_words_of_identifiers(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@given(st.text(max_size=80), st.text(max_size=20))
def test_a_file_is_found_by_its_path_too(text: str, path: str) -> None:
    assert file_terms(path, text) == Counter(terms(path)) + Counter(terms(text))


LINES = st.lists(st.sampled_from(["parse_options", "parse", "Options x", "", "  y2"]), max_size=8).flatmap(
    lambda lines: st.sampled_from(["\n".join(lines), "\n".join([*lines, ""])])
)


@given(LINES, LINES)
def test_terms_of_a_changed_file_are_those_of_its_new_text(old: str, new: str) -> None:
    assert changed_terms(file_terms("a/b.py", old), old, new) == file_terms("a/b.py", new)
    assert list(changed_terms(file_terms("x", old), old, new).values()).count(0) == 0
