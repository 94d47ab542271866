"""Imported packages and documentation strings: beside Python's own parser on real files, and by language on written ones."""

import ast
import re
import sysconfig
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.docstrings import docstring_share
from udfs.imported_packages import LANGUAGES, MOST_PACKAGES, imported_packages
from udfs.languages import LANGUAGES as ALL_LANGUAGES

LIBRARY = Path(sysconfig.get_path("stdlib"))
FILES = sorted(LIBRARY.glob("*.py")) + sorted(LIBRARY.glob("asyncio/*.py"))
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def imports_of(tree):
    """Top names of all imports, by Python's parser."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def docstring_characters(tree, lines):
    """Characters of each documentation string in three quotation marks, by Python's parser, with its indentation."""
    for node in ast.walk(tree):
        if (
            isinstance(node, DOCUMENTED)
            and node.body
            and isinstance(node.body[0], ast.Expr)
            and isinstance(node.body[0].value, ast.Constant)
        ):
            literal = node.body[0]
            if isinstance(literal.value.value, str):
                text = "\n".join(lines[literal.lineno - 1 : literal.end_lineno])
                if re.match(r"\s*[rRuU]?(\"\"\"|''')", text):
                    yield len(text)


def test_the_imports_of_the_standard_library_are_those_that_its_parser_finds():
    found = missed = invented = 0
    for path in FILES:
        text = path.read_text(encoding="utf-8", errors="replace")
        mine, truth = set(imported_packages(text, "Python")), set(imports_of(ast.parse(text)))
        found, missed, invented = found + len(mine & truth), missed + len(truth - mine), invented + len(mine - truth)
    assert found > 1_000
    assert missed / (found + missed) < 0.01  # `try: import x` in one line, after a semicolon
    assert invented / (found + invented) < 0.02  # in documentation strings


def test_documentation_strings_are_those_that_the_parser_finds():
    shares = []
    for path in FILES:
        text = path.read_text(encoding="utf-8", errors="replace")
        truth = sum(docstring_characters(ast.parse(text), text.split("\n"))) / max(len(text), 1)
        shares.append(abs(docstring_share(text) - truth))
    assert sum(shares) / len(shares) < 0.01
    assert sum(share > 0.1 for share in shares) / len(shares) < 0.02


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("Python", "import os.path as p, sys # c\nfrom a.b import c\nfrom . import x\nfrom .y import z\n  import late\n", "a late os sys"),
        ("JavaScript", "import x, {y} from 'react';\nrequire(\"node:fs\");\nimport './own';\nimport('@s/pack/part')", "@s/pack fs react"),
        ("TypeScript", "import type {\n  A,\n} from 'vue/types'\nexport * from \"../up\"\nexport { b } from 'lodash'", "lodash vue"),
        ("Go", 'package a\nimport "fmt"\nimport (\n\tx "net/http"\n\t"github.com/a/b/c"\n\t"./own"\n)\n', "fmt github.com/a/b net/http"),
        ("Rust", "use std::collections::Map;\nuse serde::{A};\npub use super::x;\nextern crate rand;", "rand serde std::collections"),
        ("C++", '#include <vector>\n # include <boost/graph/x.hpp>\n#include "own.h"\n#include <stdio.h>', "boost stdio vector"),
        ("Java", "package a.b;\nimport java.util.List;\nimport static org.junit.A.*;", "java.util org.junit"),
        ("Kotlin", "import kotlin.math.abs\nimport io.ktor.server.engine.*", "io.ktor kotlin.math"),
        ("C#", "using System.Linq;\nusing static System.Math;\nusing (var x = y) {}\nusing Z = A.B;", "System.Linq System.Math"),
        ("PHP", "<?php\nuse Illuminate\\Support\\Str;\nuse function Symfony\\a\\b;\nuse Trait1;", "Illuminate Symfony"),
        ("Ruby", "require 'json'\nrequire \"active_record/base\"\nrequire_relative 'own'", "active_record json"),
        ("Perl", "use strict;\nuse List::Util qw(sum);\nuse 5.010;", "List::Util strict"),
        ("R", "library(dplyr)\nrequire('ggplot2')\nx <- y", "dplyr ggplot2"),
        ("Julia", "using DataFrames, CSV\nimport LinearAlgebra: norm", "DataFrames LinearAlgebra"),
        ("Swift", "@testable import App\nimport Foundation", "App Foundation"),
        ("Haskell", "import qualified Data.Map.Strict as M\nimport Prelude", "Data.Map Prelude"),
        ("Dart", "import 'package:flutter/material.dart';\nimport 'dart:io';\nimport 'own.dart';", "flutter io"),
        ("COBOL", "import os", ""),
        (None, "import os", ""),
    ],
)  # fmt: skip
def test_each_language_has_its_form(language, text, expected):
    assert imported_packages(text, language) == expected.split()


def test_every_language_with_a_scan_is_one_of_the_89():
    assert set(ALL_LANGUAGES) >= LANGUAGES


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize(
    "unit", ["import a,", "import ", 'require("', "#include <a", "use a::", "} from '", "import (\n", '"""\n', "library(", " " * 50]
)
def test_no_text_makes_a_scan_slow(language, unit):
    start = time.process_time()
    text = unit * (200_000 // len(unit))
    assert len(imported_packages(text, language)) <= MOST_PACKAGES
    docstring_share(text)
    assert time.process_time() - start < 1.5


@given(st.text(), st.sampled_from(sorted(LANGUAGES)))
def test_any_text_gives_sorted_names(text, language):
    found = imported_packages(text, language)
    assert found == sorted(set(found)) and all(found)


@given(st.text())
def test_a_share_is_a_share(text):
    assert 0 <= docstring_share(text) <= 1
