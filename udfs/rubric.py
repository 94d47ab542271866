"""A rating of code from 0 to 10 without a judge: the four aspects and the zero policy of the Seed-Coder report, read from syntax trees.

The report asks a language model for readability, modularity, clarity and reusability, and has four kinds of files rated 0 first. Here the
same words stand for what can be counted, so that the whole way runs anywhere and always gives the same. It is no judgement: a scorer that
learns it proves that the way works, and nothing about quality.

    zero first     configuration   the language is one of data and settings
                   generated       a comment near the top says that a program wrote it
                   data            literals are at least DATA_SHARE of what is no comment
                   little_logic    fewer than LEAST_LOGIC calls, assignments, operations and branches; of markup: than LEAST_WORDS words
    readability    short lines, little indentation, names of more than a few letters
    clarity        comments and documentation, definitions that have one
    modularity     code stands in definitions, and these are short
    reusability    few literals in the code, many definitions for its length

An aspect is the mean of its parts that apply, each on a line between two values of what was counted (`_PARTS`); the rating is the mean of
the aspects. Values are choices, made by looking at what real files give, and are part of VERSION.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import pyarrow as pa
from tree_sitter import Language, Node, Query, QueryCursor
from tree_sitter_language_pack import SupportedLanguage, get_language

from udfs.grammars import GRAMMARS, load_grammar
from udfs.isolated import IsolationLimits, RowStatus, run_isolated
from udfs.syntax import SyntaxLimits, comment_bytes
from udfs.text_facts import text_facts

VERSION = 1
STATUSES = ("rated", "no_grammar", "too_large", "timeout", "crashed")
ZERO_REASONS = ("configuration", "generated", "data", "little_logic")
ASPECTS = ("readability", "clarity", "modularity", "reusability")

CONFIGURATION = frozenset({"JSON", "YAML"})
MARKUP = frozenset({"CSS", "HTML", "Markdown", "RMarkdown", "TeX", "reStructuredText"})
DATA_SHARE, LEAST_LOGIC, LEAST_WORDS = 0.5, 5, 30
LONG_LINE_BYTES = 100

SCHEMA = pa.schema(
    [
        pa.field("status", pa.string(), False),
        pa.field("zero_reason", pa.string()),
        pa.field("score", pa.float64()),
        *(pa.field(aspect, pa.float64()) for aspect in ASPECTS),
    ]
)

# Of node types, written as `if_statement` whatever the grammar: a definition of code, one of a type; literals; names; what does something.
_KINDS = {
    "definition": r"((^|_)(function|method|constructor|destructor|subroutine|procedure|local_function|macro)"
    r"_(definition|declaration|item|statement|clause)|create_function|method|singleton_method|function_expression|arrow_function"
    r"|func_literal|fn_proto|fun_decl|value_declaration|defun)$",
    "type": r"((^|_)(class|struct|interface|trait|enum|impl|object|module|namespace|record|union)_(definition|declaration|item|specifier)"
    r"|class|module|create_table|type_declaration|container_decl|message|service)$",
    "literal": r"(^|_)(string|str|char|character|number|num|integer|int|float|rune|numeric|decimal|heredoc_body|nowdoc_string"
    r"|template_string|stringliteralsingle|linestring)(_literal|_lit|_value)?$",
    "name": r"(^|_)(identifier|variable_name|word|symbol|sym_lit|ident)$",
    "logic": r"((^|_)(call|invocation|assignment|assign|augmented_assignment|command|init_declarator|binary|binary_operator"
    r"|comparison_operator|boolean_operator|short_var_declaration|variable_declarator|select)(_expression|_expr|_statement)?"
    r"|(if|elif|for|foreach|while|do|switch|match|case|try|loop|unless|until|return|raise|throw|yield|with)(_\w+)?"
    r"|instruction|fn_call_arguments|var_decl)$",
}
_LISPS = frozenset({"Clojure", "Common Lisp", "Emacs Lisp", "Racket", "Scheme"})
_LOGIC_OF_LISPS = r"^(list|list_lit|special_form)$"
# Of markup: what is a part of it.
_PARTS_OF_MARKUP = r"^(atx_heading|setext_heading|section|subsection|chapter|title|rule_set|element|generic_environment)$"
_STATEMENTS = frozenset({"expression_statement", "block", "module"})  # a string right in one of these is documentation

_COUNTS = np.dtype([(name, np.int64) for name in (
    "definitions", "documented", "types", "literal_bytes", "names", "name_bytes", "logic", "documentation_bytes", "defined_lines",
    "definition_lines", "knows_definitions", "knows_logic", "lines", "long_lines", "code_bytes", "indentation", "words",
)])  # fmt: skip
_INDENTED_SHARE = 0.9  # of lines that are indented by no more than `indentation` columns


@dataclass(frozen=True)
class _Part:
    """From `worst`, which is 0, to `best`, which is 10, of what `measure` gives of the counts; NaN where it does not apply."""

    aspect: str
    measure: Callable[[np.ndarray], np.ndarray]
    worst: float
    best: float


def _where(applies: Any, values: np.ndarray) -> np.ndarray:
    return np.where(applies, values, np.nan)


def _share(part: np.ndarray, whole: np.ndarray, least: int = 1) -> np.ndarray:
    return np.where(whole >= least, part / np.maximum(whole, 1), np.nan)


_PARTS = (
    _Part("readability", lambda c: _share(c["long_lines"], c["lines"]), 0.2, 0),
    _Part("readability", lambda c: c["indentation"].astype(float), 28, 8),
    _Part("readability", lambda c: _share(c["name_bytes"], c["names"]), 3, 9),
    _Part("clarity", lambda c: _share(c["documentation_bytes"], c["documentation_bytes"] + c["code_bytes"]), 0, 0.2),
    _Part("clarity", lambda c: _share(c["documented"], c["definitions"]), 0, 0.6),
    _Part("modularity", lambda c: _where(c["knows_definitions"], _share(c["defined_lines"], c["lines"])), 0.1, 0.9),
    _Part("modularity", lambda c: _share(c["definition_lines"], c["definitions"]), 60, 10),
    _Part("reusability", lambda c: _share(c["literal_bytes"], c["code_bytes"]), 0.35, 0.05),
    _Part("reusability", lambda c: _where(c["knows_definitions"], _share(c["definitions"] + c["types"], c["lines"])), 0, 0.08),
)


def rate(texts: pa.Array, languages: pa.Array, limits: SyntaxLimits) -> pa.RecordBatch:
    """SCHEMA, one row a text; a row that is not `rated` has no score. `texts` are (large) strings without nulls."""
    rows = [(text.as_buffer(), language) for text, language in zip(texts, languages.to_pylist(), strict=True)]
    status = np.array([0 if load_grammar(language) else 1 for _, language in rows], np.int64)
    status[[len(source or b"") > limits.max_bytes for source, _ in rows]] = 2
    asked = np.flatnonzero(status == 0)

    def work(position: int) -> tuple[int, ...]:
        source, language = rows[asked[position]]
        return counts_of(bytes(source or b""), language)

    counts = np.zeros(len(rows), _COUNTS)
    isolation = IsolationLimits(deadline_s=limits.deadline_s, memory_bytes=limits.memory_bytes)
    counts[asked], ends = run_isolated(len(asked), _COUNTS, work, isolation)
    status[asked[ends == RowStatus.TIMEOUT]], status[asked[ends == RowStatus.CRASHED]] = 3, 4
    is_generated = np.asarray(text_facts(texts).column("has_generated_mark"))
    zero = _zero_reasons(counts, np.array([language for _, language in rows], object), is_generated)
    aspects = {aspect: np.where(zero >= 0, 0.0, _aspect(aspect, counts)) for aspect in ASPECTS}
    no_score = np.asarray(status != 0)
    score = np.asarray(np.round(np.nanmean(np.array([np.where(no_score, 0, values) for values in aspects.values()]), axis=0), 1))
    reason = pa.array([None if code < 0 or none else ZERO_REASONS[code] for code, none in zip(zero, no_score, strict=True)], pa.string())
    columns = [pa.array(values, mask=np.asarray(no_score | np.isnan(values))) for values in (score, *aspects.values())]
    return pa.RecordBatch.from_arrays([pa.array([STATUSES[code] for code in status], pa.string()), reason, *columns], schema=SCHEMA)


def _zero_reasons(counts: np.ndarray, languages: np.ndarray, is_generated: np.ndarray) -> np.ndarray:
    """Positions in ZERO_REASONS, the first that applies; -1 for none."""
    is_markup = np.array([language in MARKUP for language in languages], bool)
    found = [
        np.array([language in CONFIGURATION for language in languages], bool),
        is_generated,
        ~is_markup & (counts["literal_bytes"] >= DATA_SHARE * np.maximum(counts["code_bytes"], 1)),
        np.where(is_markup, counts["words"] < LEAST_WORDS, counts["knows_logic"] & (counts["logic"] < LEAST_LOGIC)),
    ]
    return np.where(np.any(found, axis=0), np.argmax(found, axis=0), -1)


def _aspect(aspect: str, counts: np.ndarray) -> np.ndarray:
    parts = [np.clip((part.measure(counts) - part.worst) / (part.best - part.worst), 0, 1) for part in _PARTS if part.aspect == aspect]
    applies = ~np.isnan(parts)
    mean = np.where(applies, parts, 0).sum(axis=0) / np.maximum(applies.sum(axis=0), 1)
    return _where(applies.any(axis=0), 10 * mean)


def counts_of(source: bytes, language: str) -> tuple[int, ...]:
    """The fields of _COUNTS of one text."""
    grammar = load_grammar(language)
    assert grammar is not None, language
    root = grammar.parsers[0].parse(source).root_node
    query, known = _query(language)
    found = QueryCursor(query).captures(root)
    definitions, literals = found.get("definition", []), found.get("literal", [])
    types = [node for node in found.get("type", []) if node.parent is not None]  # not the file itself, which some grammars call a module
    documentation = [node for node in literals if _is_documentation(node)]
    outer = _outermost([node for node in literals if not _is_documentation(node)])
    comments = comment_bytes(root, memoryview(source), grammar) + sum(node.end_byte - node.start_byte for node in documentation)
    lines = [line.rstrip() for line in source.split(b"\n")]
    indentation = sorted(len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip()) for line in lines if line)
    names = found.get("name", [])
    return (
        len(definitions),
        sum(_has_documentation(node, grammar.comments) for node in definitions),
        len(types),
        sum(end - start for start, end in outer),
        len(names),
        sum(node.end_byte - node.start_byte for node in names),
        len(found.get("logic", [])),
        comments,
        _covered_lines(definitions + types, lines),
        sum(node.end_point.row - node.start_point.row + 1 for node in definitions),
        bool(known & {"definition", "type"}),
        "logic" in known,
        sum(map(bool, lines)),
        sum(len(line) > LONG_LINE_BYTES for line in lines),
        max(0, len(source) - comments),
        indentation[int(_INDENTED_SHARE * (len(indentation) - 1))] if indentation else 0,
        len(re.findall(rb"[A-Za-z\x80-\xff]{2,}", source)),
    )


@cache
def _query(language: str) -> tuple[Query, frozenset[str]]:
    """Captures every node of a kind of _KINDS, by the names of node types that the grammar has; and which kinds it has any of."""
    grammar = get_language(cast(SupportedLanguage, GRAMMARS[language].name))
    types = sorted(_named_types(grammar))
    kinds = _KINDS | {"type": _PARTS_OF_MARKUP} if language in MARKUP else _KINDS
    if language in _LISPS:
        kinds = kinds | {"logic": _LOGIC_OF_LISPS}
    matching = {kind: [name for name in types if re.search(pattern, _snake(name))] for kind, pattern in kinds.items()}
    lines = [f"[{' '.join(f'({name})' for name in names)}] @{kind}" for kind, names in matching.items() if names]
    return Query(grammar, "\n".join(lines)), frozenset(kind for kind, names in matching.items() if names)


def _named_types(grammar: Language) -> set[str]:
    numbers = range(grammar.node_kind_count)
    return {str(grammar.node_kind_for_id(n)) for n in numbers if grammar.node_kind_is_named(n) and grammar.node_kind_is_visible(n)}


def _snake(name: str) -> str:
    """`IfStatement` as `if_statement`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _is_documentation(node: Node) -> bool:
    """A string that is a statement of its own."""
    return node.parent is not None and node.parent.type in _STATEMENTS


def _has_documentation(node: Node, comments: frozenset[str]) -> bool:
    """A comment before it, or a comment or a string as the first thing in its body."""
    before = node.prev_named_sibling
    if before is None and node.parent is not None:
        before = node.parent.prev_named_sibling  # of what is exported, decorated or assigned
    if before is not None and before.type in comments and before.end_point.row >= node.start_point.row - 2:
        return True
    body = node.child_by_field_name("body")
    first = body.named_child(0) if body is not None and body.named_child_count else None
    if first is None:
        return False
    if first.type == "expression_statement" and first.named_child_count == 1:
        first = first.named_child(0)
    return first is not None and (first.type in comments or first.type == "string")


def _outermost(nodes: list[Node]) -> list[tuple[int, int]]:
    """Byte ranges of nodes that lie in no other of them."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(((node.start_byte, node.end_byte) for node in nodes), key=lambda r: (r[0], -r[1])):
        if not found or start >= found[-1][1]:
            found.append((start, end))
    return found


def _covered_lines(nodes: list[Node], lines: list[bytes]) -> int:
    """Lines that are not blank and lie in one of the nodes."""
    covered, last = 0, -1
    for start, end in sorted((node.start_point.row, node.end_point.row) for node in nodes):
        covered += sum(map(bool, lines[max(start, last + 1) : end + 1]))
        last = max(last, end)
    return covered
