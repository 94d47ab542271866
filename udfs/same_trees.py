"""Whether two versions of a file are the same syntax tree: what a formatter changes, and no meaning.

Two trees are the same if their named nodes are, in shape and kind, and the texts of their leaves: identifiers, numbers, operators,
keywords. Left out is what formatters add: quotes, a comma before a closing bracket, a semicolon that ends a node; a comment counts without
white space. So a pair of brackets that groups, which is a node of its own, is a difference. A tree with an error is the same as none.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from tree_sitter import Node

from udfs.grammars import LoadedGrammar, load_grammar
from udfs.isolated import IsolationLimits, RowStatus, run_isolated

MAX_BYTES = 256 << 10
_LIMITS = IsolationLimits(deadline_s=3.0, memory_bytes=1 << 30)
_FACTS = np.dtype([("is_same", np.bool_)])
_QUOTES = frozenset({'"', "'", '"""', "'''", "string_end"})
_CLOSING = frozenset({")", "]", "}"})


class FileVersions(NamedTuple):
    language: str
    old: bytes
    new: bytes


def same_trees(asked: Mapping[int, list[FileVersions]]) -> list[int]:
    """The keys all of whose files, one or more, are the same trees. Parsers run in a child process, which may crash or hang."""
    files = [(key, one) for key, some in asked.items() for one in some]
    grammars = {one.language: load_grammar(one.language) for _, one in files}

    def work(row: int) -> tuple[bool]:
        one = files[row][1]
        grammar = grammars[one.language]
        return (grammar is not None and is_same(grammar, one),)

    facts, ends = run_isolated(len(files), _FACTS, work, _LIMITS)
    different = {key for (key, _), is_one, end in zip(files, facts["is_same"], ends, strict=True) if not is_one or end != RowStatus.DONE}
    return [key for key, some in asked.items() if some and key not in different]


def is_same(grammar: LoadedGrammar, one: FileVersions) -> bool:
    roots = [grammar.parsers[0].parse(text).root_node for text in (one.old, one.new)]
    if any(root.has_error for root in roots):
        return False
    left, right = (_signs(root, text, grammar.comments) for root, text in zip(roots, one[1:], strict=True))
    return all(mine == other for mine, other in _paired(left, right))


def _paired(left: Iterator[object], right: Iterator[object]) -> Iterator[tuple[object, object]]:
    """Until both end; None stands for what one has no more."""
    while True:
        mine, other = next(left, None), next(right, None)
        if mine is None and other is None:
            return
        yield mine, other


def _is_form(leaf: Node) -> bool:
    """Whether a leaf is left out. Commas count in subscripts, where `a[1,]` is another thing than `a[1]`, and where two stand together."""
    after = leaf.next_sibling
    if leaf.type == ",":
        before = leaf.prev_sibling
        is_needed = not before or before.type == "," or not leaf.parent or leaf.parent.type == "subscript"
        return not is_needed and after is not None and after.type in _CLOSING
    return leaf.type in _QUOTES or (leaf.type == ";" and after is None)


def _signs(root: Node, text: bytes, comments: frozenset[str]) -> Iterator[tuple[int, str, bytes]]:
    """(depth, kind, text) of what counts, in order; the text of leaves alone."""
    cursor = root.walk()
    depth = 0
    while True:
        node = cursor.node
        assert node
        is_comment = node.type in comments
        is_leaf = is_comment or not node.child_count
        if not is_leaf or not _is_form(node):
            found = text[node.start_byte : node.end_byte] if is_leaf else b""
            if node.type == "string_start":  # in Python with the letters that say how the string is read
                found = found.rstrip(b"\"'")
            yield depth, node.type, b"".join(found.split()) if is_comment else found
        if not is_leaf and cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
            depth -= 1
