"""Every language has the grammar and the comments that the table says."""

import re
import subprocess
import sys

import pytest

from tests.syntax_oracle import assert_facts_are_those_of_a_full_walk
from udfs.grammars import GRAMMARS, grammar_of, load_grammar
from udfs.languages import LANGUAGES

C_LIKE = "// one\n/* two\n three */\n"
XML = '<!-- one\n two --><a href="x">b</a>\n'
HASH = "# one\n"
# The numbers one to four are in comments, and nowhere else.
COMMENTED = {
    "Ada": "-- one\nprocedure P is begin null; end P;\n",
    "Agda": "-- one\n{- two -}\nmodule M where\n",
    "Assembly": "; one\n mov eax, 1\n/* two */\n",
    "C": C_LIKE + "int a; // three\n",
    "C#": C_LIKE + "/// <summary/>\nclass A {}\n",
    "C++": C_LIKE + "int a;\n",
    "CMake": "# one\n#[[ two\n three ]]\nproject(a)\n",
    "CSS": "/* one */ a { color: red }\n",
    "CUDA": C_LIKE + "__global__ void f() {}\n",
    "Clojure": "; one\n(+ 1 2) ;; two\n",
    "Common Lisp": "; one\n#| two |#\n(+ 1 2)\n",
    "Dart": C_LIKE + "/// three\nint a = 1;\n",
    "Dockerfile": HASH + "FROM a\n",
    "Elixir": HASH + 'x = "#"\n',
    "Elm": "module A exposing (..)\n-- one\n{- two -}\na = 1\n",
    "Emacs Lisp": "; one\n(setq a ?\\;)\n",
    "Erlang": "% one\n-module(a).\n",
    "F#": "// one\n(* two *)\nlet a = 1\n",
    "Fortran": "! one\nprogram a\nend program a\n",
    "GLSL": C_LIKE + "void main() {}\n",
    "Go": C_LIKE + "package a\n",
    "Groovy": C_LIKE + "def a = 1\n",
    "HTML": XML,
    "Haskell": "-- one\n{- two -}\na = 1\n",
    "JSON": C_LIKE + '{"a": "// b"}\n',
    "Java": C_LIKE + "class A {}\n",
    "JavaScript": C_LIKE + "let a = 'http://b';\n<!-- three\n",
    "Julia": HASH + "#= two\n=#\na = 1\n",
    "Kotlin": C_LIKE + "val a = 1\n",
    "Lua": "-- one\n--[[ two\n]]\na = 1\n",
    "MATLAB": "% one\na = 1; % two\n",
    "Makefile": HASH + "a: b\n\tc # d\n",
    "OCaml": "(* one (* two *) *)\nlet a = 1\n",
    "PHP": "<?php # one\n" + C_LIKE + "$a = 1;\n",
    "Pascal": "// one\n{ two }\n(* three *)\nprogram a; begin end.\n",
    "Perl": HASH + "my $a = 1;\n\n=head1 two\n\n=cut\n",
    "PowerShell": "# one\n<# two #>\n$a = 1\n",
    "Protocol Buffer": 'syntax = "proto3"; // one\n/* two */\n',
    "Python": HASH + "a = '#'\n",
    "R": HASH + "a <- 1\n",
    "Racket": "#lang racket\n; one\n#| two |#\n#;(+ 1 2)\n",
    "Ruby": HASH + '=begin\ntwo\n=end\na = "#{1}"\n',
    "Rust": C_LIKE + "/// three\nfn a() {}\n//! four\n",
    "SPARQL": "# one\nSELECT ?a WHERE { ?a ?b ?c }\n",
    "SQL": "-- one\nSELECT 1; /* two */\n",
    "Scala": C_LIKE + "object A\n",
    "Scheme": "; one\n#| two |#\n#;(a)\n(b)\n",
    "Shell": HASH + "echo ${#a} $#\n",
    "Solidity": C_LIKE + "contract A {}\n",
    "Swift": C_LIKE + "let a = 1\n",
    "SystemVerilog": C_LIKE + "module a; endmodule\n",
    "Tcl": HASH + "set a 1\n",
    "TeX": "% one\na\n\\begin{comment}\ntwo\n\\end{comment}\n\\iffalse three \\fi\n",
    "Thrift": HASH + C_LIKE + "struct A {}\n",
    "TypeScript": C_LIKE + "let a: string = `//${1 /* three */}`;\n",
    "VHDL": "-- one\nentity a is end a;\n",
    "Verilog": C_LIKE + "module a; endmodule\n",
    "XSLT": XML,
    "YAML": HASH + "a: b # c\n",
    "Zig": "//! one\n// two\n/// three\nconst a = 1;\n",
    "reStructuredText": ".. one\n\nTwo\n",
}
WITHOUT_COMMENTS = {"Markdown"}


def test_62_of_the_reports_languages_have_a_grammar():
    assert len(GRAMMARS) == 62
    assert set(GRAMMARS) <= set(LANGUAGES)


def test_a_language_without_a_grammar_has_none():
    assert grammar_of("Prolog") is None
    assert load_grammar("Prolog") is None


def test_a_language_has_the_packs_grammar():
    assert grammar_of("Shell") == "bash"


def test_every_grammar_has_its_comments_tried():
    assert set(COMMENTED) == set(GRAMMARS) - WITHOUT_COMMENTS
    assert {language for language, grammar in GRAMMARS.items() if not grammar.comments} == WITHOUT_COMMENTS


@pytest.mark.parametrize("language", sorted(COMMENTED))
def test_the_scan_for_markers_finds_every_comment_of_the_tree(language):
    assert_facts_are_those_of_a_full_walk(COMMENTED[language].encode(), language)


@pytest.mark.parametrize("language", sorted(COMMENTED))
def test_every_kind_of_comment_counts_as_one(language):
    text = COMMENTED[language].encode()
    grammar = load_grammar(language)
    stack = [grammar.parsers[0].parse(text).root_node]
    outside = bytearray(text)
    while stack:
        node = stack.pop()
        if node.type in grammar.comments:
            outside[node.start_byte : node.end_byte] = b" " * (node.end_byte - node.start_byte)
        stack.extend(node.children)
    assert not re.search(rb"one|two|three|four", bytes(outside))


def test_importing_loads_no_grammar():
    script = "import sys, udfs.grammars; print([m for m in sys.modules if m.startswith('tree_sitter_language_pack.bindings.')])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip() == "[]"
