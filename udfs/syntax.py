"""How much of a text tree-sitter could not parse, and how much of it is comments.

Native parsers hang and crash on some input, so a batch is parsed in a child process (`udfs.isolated`). The bare loop, which
computes the same facts in the calling process, is for measuring what that costs.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tree_sitter import Node, Parser, Tree

from udfs.grammars import LoadedGrammar, load_grammar
from udfs.isolated import IsolationLimits, RowStatus, run_isolated

VERSION = 1
STATUSES = ("parsed", "no_grammar", "timeout", "crashed", "too_large")
_PARSED, _NO_GRAMMAR, _TIMEOUT, _CRASHED, _TOO_LARGE = range(5)
_STATUS_OF_END = np.zeros(len(RowStatus), np.int64)
_STATUS_OF_END[[RowStatus.DONE, RowStatus.TIMEOUT, RowStatus.CRASHED]] = _PARSED, _TIMEOUT, _CRASHED
_COMMENT_DEPTH = 3  # levels from a comment's first part up to the comment itself, over all grammars of the pack

_FACTS = np.dtype([(name, np.int64) for name in ("error_bytes", "error_node_count", "missing_node_count", "comment_bytes", "parse_us")])

FACTS_SCHEMA = pa.schema(
    [
        pa.field("status", pa.string(), nullable=False),
        pa.field("error_bytes_share", pa.float64()),
        pa.field("error_node_count", pa.int64()),
        pa.field("missing_node_count", pa.int64()),
        pa.field("comment_share", pa.float64()),
        pa.field("parse_us", pa.int64()),
    ]
)


@dataclass(frozen=True)
class SyntaxLimits:
    """What one text may cost. The measurements are in docs/decisions/0003-syntax-thresholds.md.

    `deadline_s` is processor time, well above the slowest of 14,895 real files: 5.8 s for 2.1 MB of Fortran.
    `max_bytes` keeps what honest text needs far below `memory_bytes`, so that no verdict depends on the rows before it in a batch:
    the densest text tried needs 273 bytes of tree per byte, 1.1 GiB for 4 MiB.
    """

    deadline_s: float = 10.0
    max_bytes: int = 4 << 20
    memory_bytes: int = 2 << 30


def library_versions() -> dict[str, str]:
    """The packages whose version decides how a text is parsed; the last two hold grammars that the pack does not bundle."""
    packages = ("tree-sitter", "tree-sitter-language-pack", "tree-sitter-c-sharp", "tree-sitter-yaml")
    return {package: version(package) for package in packages}


def parse_batch(texts: pa.Array, languages: pa.Array, limits: SyntaxLimits, is_isolated: bool = True) -> pa.RecordBatch:
    """FACTS_SCHEMA, one row a text; the facts of a row that is not `parsed` are null.

    `texts` are (large) strings or binaries in UTF-8, without nulls. One fork is made per call: about 10 MB pay for it.
    """
    source_of, sizes = _sources(texts)
    names = pc.unique(languages)
    grammars = [load_grammar(name) for name in names.to_pylist()]
    grammar_of_row = pc.index_in(languages, names).to_numpy()
    has_grammar = np.array([grammar is not None for grammar in grammars], bool)[grammar_of_row]
    statuses = np.where(has_grammar, np.where(sizes > limits.max_bytes, _TOO_LARGE, _PARSED), _NO_GRAMMAR)
    rows = np.flatnonzero(statuses == _PARSED)

    def work(position: int) -> tuple[int, ...]:
        row = rows[position]
        return syntax_facts(source_of(row), grammars[grammar_of_row[row]])

    facts = np.zeros(len(texts), _FACTS)
    if is_isolated:
        isolation = IsolationLimits(deadline_s=limits.deadline_s, memory_bytes=limits.memory_bytes)
        facts[rows], ends = run_isolated(len(rows), _FACTS, work, isolation)
        statuses[rows] = _STATUS_OF_END[ends]
    else:
        for position, row in enumerate(rows):
            facts[row] = work(position)
    return _record_batch(statuses, facts, sizes)


def syntax_facts(source: memoryview, grammar: LoadedGrammar) -> tuple[int, ...]:
    """The fields of _FACTS. Among a language's dialects the tree with the fewest error bytes (then errors, then missing nodes) counts."""
    tree, parse_ns = _parse(grammar.parsers[0], source)
    errors = error_facts(tree.root_node)
    for parser in grammar.parsers[1:]:
        if tree.root_node.has_error:
            other, other_ns = _parse(parser, source)
            parse_ns += other_ns
            tree, errors = min((tree, errors), (other, error_facts(other.root_node)), key=itemgetter(1))
    return *errors, comment_bytes(tree.root_node, source, grammar), parse_ns // 1000


def _parse(parser: Parser, source: memoryview) -> tuple[Tree, int]:
    started_ns = time.thread_time_ns()
    tree = parser.parse(source)
    return tree, time.thread_time_ns() - started_ns


def error_facts(root: Node) -> tuple[int, int, int]:
    """(bytes in outermost ERROR nodes, outermost ERROR nodes, missing nodes)."""
    error_bytes = error_count = missing_count = 0
    error_depth = sys.maxsize
    for node, depth in _nodes_with_errors(root):
        missing_count += node.is_missing
        if depth <= error_depth:  # outside the error before
            error_depth = depth if node.is_error else sys.maxsize
            error_count += node.is_error
            error_bytes += node.is_error * (node.end_byte - node.start_byte)
    return error_bytes, error_count, missing_count


def _nodes_with_errors(root: Node) -> Iterator[tuple[Node, int]]:
    """Every node that is or contains an error, with its depth, parents first.

    By cursor: a tree can be deeper than Python's stack, and the list of one node's children larger than the text.
    """
    cursor, depth = root.walk(), 0
    while True:
        node = cursor.node
        if node is not None and node.has_error:
            yield node, depth
            if cursor.goto_first_child():
                depth += 1
                continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
            depth -= 1


def comment_bytes(root: Node, source: memoryview, grammar: LoadedGrammar) -> int:
    """Bytes in outermost comments: look up the node wherever the text has a comment marker.

    A comment with parts (Rust's documentation, CMake's brackets) is found as the parent of the part that the look-up gives.
    """
    total = position = 0
    while match := grammar.marker.search(source, position):
        position = match.end()
        node = root.descendant_for_byte_range(match.start(), match.start() + 1)
        comment = _enclosing_comment(node, grammar.comments)
        if comment is not None:
            total += comment.end_byte - comment.start_byte
            position = max(position, comment.end_byte)
        elif node is not None and node.child_count == 0:
            position = max(position, node.end_byte)  # the rest of a string or a word holds no comment
    return total


def _enclosing_comment(node: Node | None, comments: frozenset[str]) -> Node | None:
    for _ in range(_COMMENT_DEPTH):
        if node is None or node.type in comments:
            return node
        node = node.parent
    return None


def _sources(texts: pa.Array) -> tuple[Callable[[int], memoryview], np.ndarray]:
    """Each row's bytes, without a copy, and the sizes of all."""
    if texts.null_count:
        raise ValueError(f"{texts.null_count} of {len(texts)} texts are null, but a content always has a text: see the join before")
    is_large = pa.types.is_large_string(texts.type) or pa.types.is_large_binary(texts.type)
    if len(texts) == 0:
        return lambda row: memoryview(b""), np.zeros(0, np.int64)
    _, offsets_buffer, bytes_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64 if is_large else np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = memoryview(bytes_buffer or b"")
    return lambda row: data[offsets[row] : offsets[row + 1]], np.diff(offsets)


def _record_batch(statuses: np.ndarray, facts: np.ndarray, sizes: np.ndarray) -> pa.RecordBatch:
    is_null = statuses != _PARSED
    bytes_or_one = np.maximum(sizes, 1)
    columns = {
        "error_bytes_share": facts["error_bytes"] / bytes_or_one,
        "error_node_count": facts["error_node_count"],
        "missing_node_count": facts["missing_node_count"],
        "comment_share": facts["comment_bytes"] / bytes_or_one,
        "parse_us": facts["parse_us"],
    }
    status = pa.array(np.array(STATUSES, object)[statuses], pa.string())
    return pa.record_batch([status, *(pa.array(values, mask=is_null) for values in columns.values())], schema=FACTS_SCHEMA)
