"""The facts of a tree by looking at every node there is: what the fast ways in udfs.syntax must agree with."""

from tree_sitter import Tree

from udfs.grammars import load_grammar
from udfs.syntax import comment_bytes, error_facts


def walk_everything(tree: Tree, comments: frozenset[str]) -> tuple[int, int, int, int]:
    """(error bytes, errors, missing nodes, comment bytes); errors and comments outermost only."""
    error_bytes = errors = missing = comment = 0
    stack = [(tree.root_node, False, False)]
    while stack:
        node, in_error, in_comment = stack.pop()
        size = node.end_byte - node.start_byte
        missing += node.is_missing
        if node.type == "ERROR" and not in_error:
            error_bytes, errors, in_error = error_bytes + size, errors + 1, True
        if node.type in comments and not in_comment:
            comment, in_comment = comment + size, True
        stack.extend((child, in_error, in_comment) for child in node.children)
    return error_bytes, errors, missing, comment


def assert_facts_are_those_of_a_full_walk(text: bytes, language: str) -> tuple[int, int, int, int]:
    grammar = load_grammar(language)
    assert grammar is not None
    tree = grammar.parsers[0].parse(text)
    expected = walk_everything(tree, grammar.comments)
    assert (*error_facts(tree.root_node), comment_bytes(tree.root_node, memoryview(text), grammar)) == expected
    return expected
