"""Imports by tree-sitter, in the words of `udfs.imports`: what the scan is compared with, in time and in result.

A whole parse, and a query for the nodes that import.
"""

from collections.abc import Iterator
from functools import cache

from tree_sitter import Node, Query, QueryCursor
from tree_sitter_language_pack import get_language, get_parser

_QUERIES = {
    "python": "[(import_statement) (import_from_statement) (future_import_statement)] @import",
    "java": "[(import_declaration) (package_declaration)] @import",
    "c": "(preproc_include path: (_) @import)",
    "cpp": "(preproc_include path: (_) @import)",
}
_GRAMMARS = {"Python": "python", "Java": "java", "C": "c", "C++": "cpp", "CUDA": "cpp"}


@cache
def _query(grammar: str) -> Query:
    return Query(get_language(grammar), _QUERIES[grammar])  # type: ignore[arg-type]


def parsed_imports(text: bytes, language: str) -> tuple[list[str], bool]:
    """Imports in the order of the text, each once, without Java's names; and whether the parser found the text free of errors."""
    grammar = _GRAMMARS[language]
    root = get_parser(grammar).parse(text).root_node  # type: ignore[arg-type]
    nodes = QueryCursor(_query(grammar)).captures(root).get("import", [])
    words = [word for node in nodes for word in _words(node)]
    return list(dict.fromkeys(words)), not root.has_error


def _words(node: Node) -> Iterator[str]:
    if node.type == "import_statement":
        yield from (_name(child) for child in node.children_by_field_name("name"))
    elif node.type in ("import_from_statement", "future_import_statement"):
        module = node.child_by_field_name("module_name")
        base = "__future__" if module is None else _text(module)
        names = [_name(child) for child in node.children_by_field_name("name")]
        yield from (f"{base}:{name}" for name in names or ["*"])
    elif node.type in ("import_declaration", "package_declaration"):
        kinds = [child.type for child in node.children]
        name = next(_text(child) for child in node.children if child.type in ("scoped_identifier", "identifier"))
        kind = "package" if node.type == "package_declaration" else "static" if "static" in kinds else "import"
        yield f"{kind} {name}" + (".*" if "asterisk" in kinds else "")
    else:
        yield _text(node)


def _name(node: Node) -> str:
    inner = node.child_by_field_name("name") if node.type == "aliased_import" else node
    return _text(inner or node)


def _text(node: Node) -> str:
    """Without blanks and broken lines, which may stand in a dotted name."""
    return "".join((node.text or b"").decode("utf-8", "replace").replace("\\", "").split())
