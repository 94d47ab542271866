"""What a formatter changes leaves the tree as it was; what changes the meaning does not."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.grammars import load_grammar
from udfs.patches import file_patches, may_be_formatting
from udfs.same_trees import FileVersions, is_same, same_trees

SAME = [
    ("Python", "f(a, b)\n", "f(\n    a,\n    b,\n)\n"),
    ("Python", "x = 'a'  # why\n", 'x = "a"  #  why\n'),
    ("Python", "if a:\n  b()\n", "if a:\n    b()\n"),
    ("JavaScript", "let a = {b: 1}", "let a = {\n  b: 1,\n};\n"),
    ("C", "int f(int a){return a;}\n", "int\nf(int a)\n{\n  return a;\n}\n"),
]
OTHER = [
    ("Python", "a + b\n", "a - b\n"),
    ("Python", "if a:\n  b()\nc()\n", "if a:\n  b()\n  c()\n"),
    ("Python", "x = 'a b'\n", "x = 'ab'\n"),
    ("Python", "x = 1\n", "x = (1)\n"),
    ("Python", "f(a, b)\n", "f(b, a)\n"),
    ("Python", "# a\nx\n", "# b\nx\n"),
    ("Python", "x = (\n", "x = (\n\n"),  # no tree
    ("Python", "x = b'a'\n", "x = 'a'\n"),
    ("Python", "a[1,]\n", "a[1]\n"),
    ("Python", "(a,)\n", "(a)\n"),
    ("JavaScript", "a = b\n", "a == b\n"),
    ("JavaScript", "[a,,]\n", "[a,]\n"),
    ("C", "int f(){for(a;;);}\n", "int f(){for(;a;);}\n"),
    ("Rust", "fn f() -> i32 { 1 }\n", "fn f() -> i32 { 1; }\n"),
]


@pytest.mark.parametrize(("language", "old", "new"), SAME)
def test_a_change_of_form_alone_is_the_same_tree(language, old, new):
    assert is_same(load_grammar(language), FileVersions(language, old.encode(), new.encode()))


@pytest.mark.parametrize(("language", "old", "new"), OTHER)
def test_a_change_of_meaning_is_another_tree(language, old, new):
    assert not is_same(load_grammar(language), FileVersions(language, old.encode(), new.encode()))


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "1", "'s'", '"s"', "f()", "f(a, )", "f(a)", "b's'", "r's'", "a[1]", "a[1,]", "(a,)"]),
    lambda inner: st.tuples(inner, st.sampled_from([" + ", "+", " - ", " and "]), inner).map("".join),
    max_leaves=4,
)


@given(EXPRESSIONS, EXPRESSIONS)
def test_what_is_the_same_tree_is_the_same_to_python(one, other):
    """Python's own parser is the oracle: the same tree here is the same there."""
    if is_same(load_grammar("Python"), FileVersions("Python", one.encode(), other.encode())):
        assert ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))


def test_a_commit_is_the_same_if_all_its_files_are():
    same, other = FileVersions("Python", b"f(a)", b"f(a,)"), FileVersions("Python", b"a", b"b")
    assert same_trees({1: [same, same], 2: [same, other], 3: [], 4: [other], 5: [FileVersions("no such", b"a", b"a")]}) == [1]
    assert same_trees({}) == []


@pytest.mark.parametrize(
    ("removed", "added", "expected"), [("f(a, b)", "f(a,\n+b,)", True), ("'a'", '"a"', True), ("a", "b", False), ("", "a", False)]
)
def test_a_patch_is_asked_first_whether_its_characters_are_the_same(removed, added, expected):
    patch = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-{removed}\n+{added}\n"
    assert may_be_formatting(list(file_patches(patch.encode()))) is expected
    assert not may_be_formatting([]) and not may_be_formatting(list(file_patches(b"diff --git a/x b/x\nrename from x\n")))
