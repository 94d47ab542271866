"""What a file imports: every form, beside tree-sitter on real files, and hostile text."""

import ast
import sysconfig
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.imports_by_parser import parsed_imports
from udfs.imports import LANGUAGES, MAX_IMPORTS, imports_batch, imports_of

PYTHON = rb"""
import a.b as c, d
import e; import f
from . import g
from .import h
from .. pkg . mod import (i as j, # a comment ) with a bracket
    k,)
if True: import l
def function():
    from m import *
    yield from import_n
    text = "import no1" 'from no2 import no3'
    '''
import no4
'''
    r"\"; import no5
    raw = r'\'
    raise Error from error
import o_import.p_import
from q \
    import r, \
    s
from lazy_import import t
"""
JAVA = b"""package com . acme;
import java.util.List; import static com.acme.Tool.*;
import com.acme.deep.*; /* import no.One; */ // import no.Two;
class X extends Base<Part> { String s = "import no.Three; Nope"; char c = '"'; int LIMIT_OF = com.other.Thing.call(this.Field, 0xFFL);
  String t = \"\"\"
    Never "quoted" Ever
    \"\"\"; }
"""
C = b"""#include <a/b.h>
 # include "c.h" // x
/* #include "no.h" */
#define TEXT "\\
#include <no2.h>"
int x = 1'000; char c = '"', d = '\\'';
#include HEADER
#import "d.h"
const char *r = R"x(
#include "no3.h"
)x";
// a comment that goes on \\
#include "no4.h"
/* before */ #include_next <n.h>
#includes "no5.h"
#include "e//f.h" /* a comment begins
#include "no6.h"
ends */
#include <g/*h.h>
#include "i.h" // goes on \
#include "no7.h"
"""


def test_every_form_of_python():
    names, is_cut = imports_of(PYTHON, "Python")
    assert names == [
        "a.b", "d", "e", "f", ".:g", ".:h", "..pkg.mod:i", "..pkg.mod:k", "l", "m:*", "o_import.p_import", "q:r", "q:s", "lazy_import:t",
    ]  # fmt: skip
    assert not is_cut


def test_every_form_of_java():
    names, _ = imports_of(JAVA, "Java")
    assert names[:4] == ["package com.acme", "import java.util.List", "static com.acme.Tool.*", "import com.acme.deep.*"]
    assert {"name Base", "name Part", "name String", "name com.other.Thing"} <= set(names)
    assert not any(word in name for name in names for word in ("no.", "Nope", "Never", "Ever", "LIMIT_OF", "Field"))


@pytest.mark.parametrize("language", ["C", "C++", "CUDA"])
def test_every_form_of_c(language):
    assert imports_of(C, language)[0] == [
        "<a/b.h>", '"c.h"', "HEADER", '"d.h"', "<n.h>", '"e//f.h"', "<g/*h.h>", '"i.h"',
    ]  # fmt: skip


def test_real_python_files_have_the_imports_that_a_parser_sees():
    files = sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py"))[::12]
    texts = [path.read_bytes() for path in files if "lib2to3" not in path.parts and "bad" not in path.name]
    assert len(texts) > 40
    for text in texts:
        expected, is_sound = parsed_imports(text, "Python")
        if is_sound:
            assert set(imports_of(text, "Python")[0]) == set(expected)


def test_real_headers_have_the_includes_that_a_parser_sees():
    texts = [path.read_bytes() for path in sorted(Path(sysconfig.get_path("include")).rglob("*.h"))]
    for text in texts:
        expected, _ = parsed_imports(text, "C")
        assert set(expected) <= set(imports_of(text, "C")[0])
    assert sum(len(imports_of(text, "C")[0]) for text in texts) > 20


def test_java_has_the_imports_that_a_parser_sees():
    statements = {one for one in imports_of(JAVA, "Java")[0] if not one.startswith("name ")}
    assert statements == set(parsed_imports(JAVA, "Java")[0])


@settings(max_examples=300)
@given(st.text(alphabet="import from\n\"'\\#/*.,()RXü<>;@", max_size=60), st.sampled_from(LANGUAGES))
def test_any_text_is_read_and_its_imports_are_words_of_it(text, language):
    names, _ = imports_of(text.encode(), language)
    assert len(names) == len(set(names))
    blank = "".join(text.replace("\\", "").split())
    for name in names:
        for part in name.removeprefix("import ").removeprefix("static ").removeprefix("package ").removeprefix("name ").split(":"):
            assert "".join(part.replace("\\", "").split()) in blank


def is_python(text):
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                "import a",
                "from b import c",
                "x = '''",
                "'''",
                '"""',
                "# import d",
                "y = (",
                ")",
                "if z: import e",
                "w = 'import f'",
                "\\",
                "'",
            ]
        ),
        max_size=8,
    )
)
def test_where_the_parser_finds_no_error_it_agrees(lines):
    text = "\n".join([*lines, ""]).encode()
    expected, is_sound = parsed_imports(text, "Python")
    if is_sound and is_python(text):  # the parser may see no error where a quote does not close
        assert set(imports_of(text, "Python")[0]) == set(expected)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("Python", b"import a," + b"b," * 2_000_000),
        ("Python", b"from . import (" + b"#\n" * 2_000_000),
        ("Python", b"from " * 1_000_000),
        ("Python", b"import " * 1_000_000),
        ("Python", b"'" * 5_000_000),
        ("Python", b"x = 1\n" * 1_000_000),
        ("Python", b"from " + b"a" * 4_000_000 + b" import b"),
        ("Java", b"A." * 2_000_000),
        ("Java", b"a" * 4_000_000),
        ("Java", b"A b " * 1_000_000),
        ("Java", b"import " * 500_000),
        ("C", b"#include" * 500_000),
        ("C", b"#include \n" * 500_000),
        ("C", b'#include "' + b"a" * 4_000_000),
        ("C++", b'R"(' * 1_000_000),
        ("C", b"/*" * 2_000_000),
        ("C", bytes(range(256)) * 10_000),
    ],
)
def test_hostile_texts_take_no_longer_than_others(language, text):
    imports_of(b"warm = 1", language)
    start = time.process_time()
    names, _ = imports_of(text, language)
    assert time.process_time() - start < 4
    assert len(names) <= MAX_IMPORTS


def test_a_batch_has_a_row_for_each_text():
    texts = pa.array(["import a\n", "import b\n", "#include <c>\n", "", "import x\n"])
    found = imports_batch(texts, pa.array(["Python", "HTML", "C", "Java", None]))
    assert found.column("imports").to_pylist() == [["a"], [], ["<c>"], [], []]
    assert found.column("is_cut").to_pylist() == [False] * 5
    many = "".join(f"import m{number}\n" for number in range(MAX_IMPORTS + 1))
    assert imports_batch(pa.array([many]), pa.array(["Python"])).column("is_cut").to_pylist() == [True]
