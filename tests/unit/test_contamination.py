"""What texts share with benchmarks: real problems planted in real code, what layout and case change, and texts made to hurt."""

import json
import pickle
import random
import time

import pyarrow as pa
import pytest

from jobs.annotate.contamination import facts_of
from schemas.contamination import CONTAMINATION
from tests.real_benchmark import problems
from udfs.contamination import MATCH, MOST_MATCHES, WIDTH, Benchmark, contamination, wanted_of

WORDS = [f"w{number}" for number in range(40)]
CODE = "import os\n\n\ndef main(argv):\n    for path in argv:\n        print(os.path.getsize(path))\n"


def wanted(*texts, width=WIDTH):
    return wanted_of([Benchmark("b", tuple((str(place), text) for place, text in enumerate(texts)))], width)[0]


def found_in(text, against):
    (row,) = contamination(pa.array([text]), against).to_pylist()
    return row


def human_eval():
    return Benchmark("HumanEval", tuple((row["task_id"], row["prompt"] + row["canonical_solution"]) for row in problems()))


def test_every_problem_of_human_eval_is_found_where_it_is_planted_and_code_beside_it_is_not():
    against, (facts,) = wanted_of([human_eval()])
    assert (facts.item_count, facts.ignored_count) == (164, 0)
    planted = [CODE + row["prompt"] + row["canonical_solution"] + CODE for row in problems()]
    rows = contamination(pa.array([CODE, *planted]), against).to_pylist()
    assert rows[0] == {"matches": [], "match_count": 0}
    own = set()
    for problem, text, row in zip(problems(), planted, rows[1:], strict=True):
        own |= {problem["task_id"]} & {match["item"] for match in row["matches"]}
        first = row["matches"][0]
        found = text.encode()[first["offset_bytes"] :].decode().lower()
        assert found.startswith(first["ngram"].split()[0]) and row["match_count"] >= len(row["matches"])
    # Number 61 has the words of number 56, with other brackets.
    assert {problem["task_id"] for problem in problems()} - own == {"HumanEval/61"}


@pytest.mark.parametrize("place", range(len(WORDS) - WIDTH + 1))
def test_ten_words_are_found_wherever_they_stand_and_nine_are_not(place):
    against = wanted(" ".join(WORDS))
    taken = WORDS[place : place + WIDTH]
    row = found_in("x (\n" + " ".join(taken) + ") y", against)
    assert (row["match_count"], row["matches"][0]["ngram"], row["matches"][0]["offset_bytes"]) == (1, " ".join(taken), 4)
    assert found_in(" ".join(taken[:-1]) + " and more", against)["match_count"] == 0
    assert found_in(" ".join([*taken[:4], "other", *taken[4:]]), against)["match_count"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "a b c d e f g h i j", "A B C D E F G H I J", "a\nb\r\nc\td e f g h i j", "a(b, c)[d] = e + f * g - h / i; j",
        "a.b->c::d\x00e'f'\"g\"h#i$j",
        "a b c d e f g h i j k", "\ufeffa b c d e f g h i j", "a\u2003b\u00a0c、d e f g h i j",
    ],
)  # fmt: skip
def test_layout_signs_and_case_do_not_count(text):
    assert found_in(text, wanted("a b c d e f g h i j"))["match_count"] == 1


@pytest.mark.parametrize(
    "text", ["a b c d e f g h i", "b a c d e f g h i j", "a b c d e f g h ij", "a b c d e f g h i j1", "a b c d e f g h i é j"]
)
def test_other_words_do(text):
    assert found_in(text, wanted("a b c d e f g h i j"))["match_count"] == 0


def test_case_of_other_scripts_does_not_count_and_han_characters_are_words():
    assert found_in("ÉTÉ ΑΒΓ ДА", wanted("été αβγ да", width=3))["match_count"] == 1
    row = found_in("请编写一个函数。", wanted("编写一个函数", width=6))
    assert row["matches"][0]["ngram"] == "编 写 一 个 函 数" and row["matches"][0]["offset_bytes"] == 3


def test_numbers_alone_are_no_ngram_and_short_items_are_counted_and_not_looked_for():
    numbers = " ".join(map(str, range(12)))
    items = (("numbers", numbers), ("short", "a b c"), ("long", "x " + numbers))
    against, (facts,) = wanted_of([Benchmark("b", items)])
    assert (facts.item_count, facts.ignored_count, facts.ngram_count) == (3, 1, 1)
    assert found_in(numbers, against)["match_count"] == 0
    assert found_in("a b c", against)["match_count"] == 0
    assert found_in("x " + numbers, against)["matches"][0]["item"] == "long"


def test_benchmarks_without_any_ngram_find_nothing():
    against, (facts,) = wanted_of([Benchmark("b", (("0", ""),))])
    assert (facts.ignored_count, facts.ngram_count) == (1, 0)
    assert found_in(CODE, against)["match_count"] == 0


def test_each_benchmark_that_has_an_ngram_is_named_and_of_its_items_the_first():
    text = " ".join(WORDS[:WIDTH])
    against, facts = wanted_of([Benchmark("one", (("a", text), ("b", text))), Benchmark("two", (("c", text),))])
    assert [fact.ngram_count for fact in facts] == [1, 1]
    row = found_in(text, against)
    assert [(match["benchmark"], match["item"]) for match in row["matches"]] == [("one", "a"), ("two", "c")] and row["match_count"] == 1


def test_a_text_full_of_matches_lists_few_and_counts_all():
    texts = [" ".join(f"{letter}{number}" for number in range(30)) for letter in "abcdefghijklmnopqrstuvwxyz"]
    row = found_in("\n".join(texts), wanted(*texts))
    assert len(row["matches"]) == MOST_MATCHES and row["match_count"] == len(texts) * (30 - WIDTH + 1)
    assert [match["item"] for match in row["matches"]] == [str(place) for place in range(MOST_MATCHES)]


def test_rows_are_those_of_each_text_alone_in_a_slice_too():
    draw = random.Random(1)
    texts = [" ".join(draw.choices("abc", k=draw.randrange(60))) for _ in range(50)] + [""]
    against = wanted(" ".join(draw.choices("abc", k=200)), width=5)
    found = contamination(pa.array(texts, pa.large_string()).slice(3), against).to_pylist()
    assert found == [found_in(text, against) for text in texts[3:]] and sum(row["match_count"] > 0 for row in found) > 10


def test_what_was_pickled_finds_the_same_and_the_columns_are_those_of_the_table():
    against = pickle.loads(pickle.dumps(wanted(CODE), protocol=5))
    found = contamination(pa.array([CODE], pa.string()), against)
    assert found["match_count"].to_pylist()[0] > 0 and against.grams.size_bytes < 10_000
    columns = {column.name: column.type for column in CONTAMINATION.columns}
    assert columns["matches"].value_type == MATCH and found["matches"].type.value_type == MATCH


@pytest.mark.parametrize(
    "text",
    [
        b"x" * 100_000_000, b"\x00" * 20_000_000, b"(" * 20_000_000, b"a " * 10_000_000, "é".encode() * 10_000_000,
        "中".encode() * 5_000_000, b"\xff\xc3" * 5_000_000, b"a b c d e f g h i x " * 500_000,
    ],
)  # fmt: skip
def test_hostile_texts_take_no_longer_than_others(text):
    against = wanted("a b c d e f g h i j", "中文" * 10)
    contamination(pa.array([CODE]), against)  # compiles
    start = time.process_time()
    row = contamination(pa.array([text], pa.large_binary()), against).to_pylist()[0]
    assert row == {"matches": [], "match_count": 0}
    assert time.process_time() - start < 5


def test_a_long_ngram_is_shown_in_part():
    text = " ".join(["x" * 1_000_000] * WIDTH)
    assert len(found_in(text, wanted(text))["matches"][0]["ngram"]) < 400


def test_a_benchmarks_hash_is_of_its_items_in_order():
    one = Benchmark("one", (("a", "bc"), ("d", "e")))
    assert one.sha256 == Benchmark("two", one.items).sha256
    others = [(("ab", "c"), ("d", "e")), (("d", "e"), ("a", "bc")), (("a", "bc"),), (("a", "bc"), ("d", "E"))]
    assert len({one.sha256, *(Benchmark("one", items).sha256 for items in others)}) == 5
    assert json.dumps(one.sha256)


def test_a_notebook_is_compared_as_a_reader_sees_it():
    problem = CODE + "".join(f"value_{number} = compute_{number}(value_{number})\n" for number in range(8))
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": problem.splitlines(keepends=True)}
    notebook = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}, indent=1)
    against = wanted("\n".join(problem.splitlines()[-6:]))
    (row,) = facts_of(pa.RecordBatch.from_pydict({"text": [notebook]}), against).to_pylist()
    assert row["match_count"] > found_in(notebook, against)["match_count"]
    for broken in ('{"nbformat": 4, "cells": [', '{"nbformat"', problem):
        assert facts_of(pa.RecordBatch.from_pydict({"text": [broken]}), against).to_pylist() == [found_in(broken, against)]
