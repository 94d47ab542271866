"""Which tree-sitter grammar parses which language of the report, and what a comment looks like in its trees.

62 of the report's 89 languages have a grammar in tree-sitter-language-pack 0.13.0. Nothing is loaded on import.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import cast

from tree_sitter import Parser
from tree_sitter_language_pack import SupportedLanguage, get_language


@dataclass(frozen=True)
class Grammar:
    """`name` is the pack's. `dialect` is a second grammar for the same language, tried where the first finds errors.

    `marker` matches the bytes at which a comment can start (it may also match inside strings: the tree decides);
    `comments` are the node types of whole comments, empty where the grammar has none.
    """

    name: str
    marker: bytes
    comments: frozenset[str] = frozenset({"comment"})
    dialect: str | None = None


_LINE_AND_BLOCK = frozenset({"line_comment", "block_comment"})

GRAMMARS: dict[str, Grammar] = {
    "Ada": Grammar("ada", rb"--"),
    "Agda": Grammar("agda", rb"--|\{-"),
    "Assembly": Grammar("asm", rb"[;#@!]|/[/*]", _LINE_AND_BLOCK),
    "C": Grammar("c", rb"/[/*]"),
    "C#": Grammar("csharp", rb"/[/*]"),
    "C++": Grammar("cpp", rb"/[/*]"),
    "CMake": Grammar("cmake", rb"#", frozenset({"line_comment", "bracket_comment"})),
    "CSS": Grammar("css", rb"/[/*]", frozenset({"comment", "js_comment"})),
    "CUDA": Grammar("cuda", rb"/[/*]"),
    "Clojure": Grammar("clojure", rb";|#!"),
    "Common Lisp": Grammar("commonlisp", rb";|#\|", frozenset({"comment", "block_comment"})),
    "Dart": Grammar("dart", rb"/[/*]", frozenset({"comment", "documentation_comment"})),
    "Dockerfile": Grammar("dockerfile", rb"#"),
    "Elixir": Grammar("elixir", rb"#"),
    "Elm": Grammar("elm", rb"--|\{-", _LINE_AND_BLOCK),
    "Emacs Lisp": Grammar("elisp", rb";"),
    "Erlang": Grammar("erlang", rb"%"),
    "F#": Grammar("fsharp", rb"//|\(\*", _LINE_AND_BLOCK),
    "Fortran": Grammar("fortran", rb"!|/\*", frozenset({"comment", "preproc_comment"})),
    "GLSL": Grammar("glsl", rb"/[/*]"),
    "Go": Grammar("go", rb"/[/*]"),
    "Groovy": Grammar("groovy", rb"/[/*]", _LINE_AND_BLOCK),
    "HTML": Grammar("html", rb"<!--"),
    "Haskell": Grammar("haskell", rb"--|\{-"),
    "JSON": Grammar("json", rb"/[/*]"),
    "Java": Grammar("java", rb"/[/*]", _LINE_AND_BLOCK),
    "JavaScript": Grammar("javascript", rb"/[/*]|<!--|-->", frozenset({"comment", "html_comment"})),
    "Julia": Grammar("julia", rb"#", _LINE_AND_BLOCK),
    "Kotlin": Grammar("kotlin", rb"/[/*]", frozenset({"line_comment", "multiline_comment"})),
    "Lua": Grammar("lua", rb"--"),
    "MATLAB": Grammar("matlab", rb"[%#]|\.\.\."),
    "Makefile": Grammar("make", rb"#"),
    "Markdown": Grammar("markdown", rb"<!--", frozenset()),
    "OCaml": Grammar("ocaml", rb"\(\*", dialect="ocaml_interface"),
    "PHP": Grammar("php", rb"/[/*]|#"),
    "Pascal": Grammar("pascal", rb"//|\{|\(\*"),
    "Perl": Grammar("perl", rb"#|^=", frozenset({"comment", "pod"})),
    "PowerShell": Grammar("powershell", rb"#"),
    "Protocol Buffer": Grammar("proto", rb"/[/*]"),
    "Python": Grammar("python", rb"#"),
    "R": Grammar("r", rb"#"),
    "Racket": Grammar("racket", rb";|#[|;!]", frozenset({"comment", "block_comment", "sexp_comment"})),
    "Ruby": Grammar("ruby", rb"#|^="),
    "Rust": Grammar("rust", rb"/[/*]", _LINE_AND_BLOCK),
    "SPARQL": Grammar("sparql", rb"#"),
    "SQL": Grammar("sql", rb"--|/\*", frozenset({"comment", "marginalia"})),
    "Scala": Grammar("scala", rb"/[/*]", frozenset({"comment", "block_comment"})),
    "Scheme": Grammar("scheme", rb";|#[|;]", frozenset({"comment", "block_comment"})),
    "Shell": Grammar("bash", rb"#"),
    "Solidity": Grammar("solidity", rb"/[/*]"),
    "Swift": Grammar("swift", rb"/[/*]", frozenset({"comment", "multiline_comment"})),
    "SystemVerilog": Grammar("verilog", rb"/[/*]"),
    "Tcl": Grammar("tcl", rb"#"),
    "TeX": Grammar("latex", rb"%|\\begin|\\iffalse", frozenset({"line_comment", "block_comment", "comment_environment"})),
    "Thrift": Grammar("thrift", rb"/[/*]|#"),
    "TypeScript": Grammar("typescript", rb"/[/*]|<!--|-->", frozenset({"comment", "html_comment"}), dialect="tsx"),
    "VHDL": Grammar("vhdl", rb"--|/\*"),
    "Verilog": Grammar("verilog", rb"/[/*]"),
    "XSLT": Grammar("xml", rb"<!--", frozenset({"Comment"})),
    "YAML": Grammar("yaml", rb"#"),
    "Zig": Grammar("zig", rb"//", frozenset({"line_comment", "doc_comment", "container_doc_comment"})),
    "reStructuredText": Grammar("rst", rb"\.\."),
}


def grammar_of(language: str) -> str | None:
    """The pack's name of the grammar, None where there is none for the language."""
    grammar = GRAMMARS.get(language)
    return grammar.name if grammar else None


@dataclass(frozen=True)
class LoadedGrammar:
    """A grammar ready to parse. A parser keeps state during a parse, so one thread uses it."""

    parsers: tuple[Parser, ...]
    marker: re.Pattern[bytes]
    comments: frozenset[str]


@cache
def load_grammar(language: str) -> LoadedGrammar | None:
    """None where there is no grammar. The native library stays in the process."""
    grammar = GRAMMARS.get(language)
    if grammar is None:
        return None
    names = [grammar.name] if grammar.dialect is None else [grammar.name, grammar.dialect]
    parsers = tuple(Parser(get_language(cast(SupportedLanguage, name))) for name in names)
    return LoadedGrammar(parsers, re.compile(grammar.marker, re.MULTILINE), grammar.comments)
