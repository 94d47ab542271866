"""Facts of trees against a full walk of the same trees, and texts that parsers do not survive."""

import dataclasses
import os
import sysconfig
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.annotate import SYNTAX, SYNTAX_STATUSES
from tests.syntax_oracle import assert_facts_are_those_of_a_full_walk
from udfs.grammars import GRAMMARS, Grammar, load_grammar
from udfs.syntax import FACTS_SCHEMA, STATUSES, SyntaxLimits, library_versions, parse_batch

LIMITS = SyntaxLimits()
PYTHON_FILES = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::8]
C_HEADERS = sorted(Path(sysconfig.get_path("include")).rglob("*.h"))[::8]
REAL = [(path.read_bytes(), "Python") for path in PYTHON_FILES] + [(path.read_bytes(), "C") for path in C_HEADERS]


def rows(texts: list[tuple[bytes | str, str]], limits: SyntaxLimits = LIMITS, is_isolated: bool = True) -> list[dict]:
    text, language = zip(*texts, strict=True)
    encoded = [value.encode() if isinstance(value, str) else value for value in text]
    return parse_batch(pa.array(encoded, pa.binary()), pa.array(language), limits, is_isolated).to_pylist()


def row(text: bytes | str, language: str, limits: SyntaxLimits = LIMITS) -> dict:
    return rows([(text, language)], limits)[0]


def without_time(facts: list[dict]) -> list[dict]:
    return [{name: value for name, value in fact.items() if name != "parse_us"} for fact in facts]


def test_the_columns_are_those_of_the_table():
    columns = SYNTAX.arrow_schema
    assert list(FACTS_SCHEMA) == list(columns)[columns.get_field_index("version") + 1 :]
    assert STATUSES == SYNTAX_STATUSES


@pytest.mark.parametrize(("text", "language"), REAL)
def test_facts_of_real_files_are_those_of_a_full_walk(text, language):
    assert_facts_are_those_of_a_full_walk(text, language)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(REAL), st.integers(0, 1 << 16), st.integers(1, 400), st.binary(max_size=20))
def test_facts_of_broken_files_are_those_of_a_full_walk(file, start, length, instead):
    text, language = file
    start %= len(text) + 1
    assert_facts_are_those_of_a_full_walk(text[:start] + instead + text[start + length :], language)


@pytest.mark.parametrize(
    ("text", "language", "share", "errors", "missing"),
    [
        ("x = 1\n", "Python", 0.0, 0, 0),
        ("", "Python", 0.0, 0, 0),
        ("$$$ ???", "Python", 1.0, 1, 0),
        ("int a;\n@@@\nint b;", "C", 3 / 17, 1, 0),
        ("int f() { return 1 }", "C", 0.0, 0, 1),
    ],
    ids=["clean", "empty", "all of it", "one line", "a missing semicolon"],
)
def test_errors_are_counted(text, language, share, errors, missing):
    facts = row(text, language)
    assert (facts["error_bytes_share"], facts["error_node_count"], facts["missing_node_count"]) == (share, errors, missing)


def test_a_batch_gives_what_the_bare_loop_gives():
    assert without_time(rows(REAL)) == without_time(rows(REAL, is_isolated=False))


def test_shares_are_of_all_bytes():
    facts = row("# half\nx = 1", "Python")
    assert facts["comment_share"] == pytest.approx(6 / 12)
    assert facts["error_bytes_share"] == 0.0


def test_a_text_of_no_known_grammar_has_no_facts():
    assert row("BEGIN { print }", "AWK") == {"status": "no_grammar"} | dict.fromkeys(FACTS_SCHEMA.names[1:])


def test_a_text_over_the_limit_is_not_parsed():
    limits = dataclasses.replace(LIMITS, max_bytes=5)
    assert [facts["status"] for facts in rows([("x = 1", "Python"), ("x = 12", "Python")], limits)] == ["parsed", "too_large"]


def test_an_empty_batch_is_an_empty_batch():
    assert parse_batch(pa.array([], pa.string()), pa.array([], pa.string()), LIMITS).schema == FACTS_SCHEMA


def test_a_null_text_is_refused():
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        parse_batch(pa.array(["x", None]), pa.array(["C", "C"]), LIMITS)


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()], ids=str)
def test_a_slice_of_an_array_gives_its_own_rows(type_):
    texts = pa.array(["x = 1", "", "# é\n", "def f(:", "# é\n"], type_).slice(1, 3)
    languages = pa.array(["C", "Python", "Python", "Python", "C"]).slice(1, 3)
    whole = [row("", "Python"), row("# é\n", "Python"), row("def f(:", "Python")]
    assert without_time(parse_batch(texts, languages, LIMITS).to_pylist()) == without_time(whole)


@pytest.mark.parametrize("language", ["Python", "C", "JavaScript", "JSON", "Ruby", "Scheme"])
@pytest.mark.parametrize("text", [b"[" * 10_000 + b"]" * 10_000, b"(" * 10_000, b"[{(" * 10_000], ids=["closed", "open", "mixed"])
def test_ten_thousand_nested_brackets_are_a_row(text, language):
    assert row(text, language)["status"] == "parsed"
    assert_facts_are_those_of_a_full_walk(text, language)


def test_nul_bytes_are_errors_and_not_the_end_of_the_text():
    facts = row(b"int a;\0\0\0\0 int b; // end", "C")
    assert facts["error_node_count"] == 1
    assert facts["comment_share"] == pytest.approx(6 / 24)


def test_a_grammar_that_loops_costs_one_row(monkeypatch):
    monkeypatch.setitem(GRAMMARS, "COBOL", Grammar("cobol", rb"\*"))
    limits = dataclasses.replace(LIMITS, deadline_s=0.3)
    before = os.times()
    statuses = [facts["status"] for facts in rows([("x = 1", language) for language in ("Python", "COBOL", "C")], limits)]
    assert statuses == ["parsed", "timeout", "parsed"]
    assert os.times().children_user - before.children_user < 1.5


def test_a_tree_that_needs_too_much_memory_costs_one_row():
    limits = dataclasses.replace(LIMITS, memory_bytes=32 << 20)
    huge = "[" + "1," * 500_000 + "1]"
    statuses = [facts["status"] for facts in rows([("x = 1", "Python"), (huge, "Python"), ("x = 1", "Python")], limits)]
    assert statuses == ["parsed", "crashed", "parsed"]


@pytest.mark.parametrize(
    ("text", "language"),
    [("const a = <p>{x as string}</p>;", "TypeScript"), ("val size : int -> int\n", "OCaml")],
)
def test_the_dialect_with_the_fewest_errors_counts(text, language):
    assert load_grammar(language).parsers[0].parse(text.encode()).root_node.has_error
    assert row(text, language)["error_node_count"] == 0


def test_versions_are_those_of_the_packages_with_grammars():
    assert set(library_versions()) >= {"tree-sitter", "tree-sitter-language-pack"}
    assert all(version[0].isdigit() for version in library_versions().values())
