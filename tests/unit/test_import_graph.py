"""Which file an import means: rules one by one, then whole projects beside an interpreter and compilers."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from benchmarks.import_truth import c_agreements, edges_of, java_agreement, python_agreement
from udfs.import_graph import import_graph

LIBRARY = Path(sysconfig.get_path("stdlib"))


def edges(texts):
    return edges_of({path: text.encode() for path, text in texts.items()})


@pytest.mark.parametrize(
    ("importer", "statement", "target"),
    [
        ("pkg/a.py", "import pkg.b", "pkg/b.py"),
        ("pkg/a.py", "from pkg import b", "pkg/b.py"),
        ("pkg/a.py", "from pkg import name", "pkg/__init__.py"),
        ("pkg/a.py", "from . import b", "pkg/b.py"),
        ("pkg/a.py", "from . import name", "pkg/__init__.py"),
        ("pkg/a.py", "from .sub import c", "pkg/sub/c.py"),
        ("pkg/a.py", "from .sub import name", "pkg/sub/__init__.py"),
        ("pkg/sub/c.py", "from ..b import x", "pkg/b.py"),
        ("pkg/sub/c.py", "from .. import b", "pkg/b.py"),
        ("pkg/sub/__init__.py", "from . import c", "pkg/sub/c.py"),
        ("pkg/sub/c.py", "from .... import b", None),
        ("pkg/a.py", "from pkg.sub import *", "pkg/sub/__init__.py"),
        ("pkg/a.py", "def f():\n    if x: import pkg.b", "pkg/b.py"),
        ("pkg/a.py", "import b", None),  # beside it, but in a package: only Python 2 looked there
        ("pkg/a.py", "import pkg", "pkg/__init__.py"),
        ("pkg/a.py", "import pkg.a", None),  # itself
        ("pkg/a.py", "import logging", None),
        ("tools/run.py", "import logging", "tools/logging.py"),  # a script's own folder comes first
        ("tools/run.py", "import own", "src/own/__init__.py"),
        ("src/own/x.py", "from own.y import z", "src/own/y.py"),
        ("tests/test_own.py", "from own import y", "src/own/y.py"),
        ("tests/test_own.py", "import space.inner", "src/space/inner.py"),  # a namespace package
        ("tests/test_own.py", "import both", "src/both/__init__.py"),  # a package before a module of its name
        ("tests/test_own.py", "import stub", "src/stub.py"),
        ("src/own/x.py", "import numpy", None),
        ("src/own/x.py", "import case.Upper", "src/case/Upper.py"),
    ],
)
def test_what_a_python_import_means(importer, statement, target):
    paths = (
        "pkg/__init__ pkg/a pkg/b pkg/sub/__init__ pkg/sub/c tools/run tools/logging src/own/__init__ src/own/x src/own/y tests/test_own "
    )
    paths += "src/space/inner src/both src/both/__init__ src/stub vendor/logging/__init__ src/case/Upper src/case/upper src/case/__init__"
    texts = {f"{path}.py": "" for path in paths.split()} | {"src/stub.pyi": "", "top.py": ""}
    texts[importer] = statement
    assert edges(texts) == ({(importer, target)} if target else set())


def test_the_nearest_of_several_files_is_taken_and_counted():
    texts = {"a/x.py": "import tool", "a/vendor/src/tool/__init__.py": "", "b/src/tool/__init__.py": "", "a/src/tool/__init__.py": ""}
    paths = sorted(texts)
    graph = import_graph(paths, ["Python"] * 4, [["tool"] if path == "a/x.py" else [] for path in paths])
    assert [paths[target] for target in graph.targets[paths.index("a/x.py")]] == ["a/src/tool/__init__.py"]
    assert (graph.resolved, graph.unresolved, graph.ambiguous) == (1, 0, 1)


def test_what_an_include_means():
    texts = {
        "src/main.c": '#include "util.h"\n#include <proj/api.h>\n#include <string.h>\n#include "../data/table.inc"\n#include <stray.h>\n',
        "src/util.h": "#pragma once\n",
        "lib/util.h": "",
        "include/proj/api.h": '#include "detail/impl.h"\n',
        "include/proj/detail/impl.h": '#include "impl.h"\n#include "IMPL.h"\n',
        "compat/string.h": "",
        "data/table.inc": "1, 2",
        "tests/stray.h": "",
        "tests/t.cpp": '#include "util.h"\n#include "api.h"\n',
    }
    assert edges(texts) == {
        ("src/main.c", "src/util.h"),
        ("src/main.c", "include/proj/api.h"),
        ("src/main.c", "data/table.inc"),
        ("include/proj/api.h", "include/proj/detail/impl.h"),
        ("tests/t.cpp", "lib/util.h"),
        ("tests/t.cpp", "include/proj/api.h"),
    }


JAVA = {
    "app/Main.java": "package app; import tool.Tool; import tool.deep.*; import static tool.Constants.NAME; import java.util.List;\n"
    "public class Main { List<Helper> helpers; Tool used = new Tool(); Leaf leaf = new Leaf(); String name = NAME + tool.Full.now(); }",
    "app/Helper.java": 'package app; class Helper { /* Main */ String text = "Main"; Nested.Inner inner; }',
    "app/Nested.java": "package app; class Nested { static class Inner { Helper back; } }",
    "app/Tool.java": "package app; class Tool {}",
    "tool/Tool.java": "package tool; public class Tool { public Tool() {} }",
    "tool/Full.java": "package tool; public class Full { public static String now() { return Constants.name(); } }",
    "tool/Constants.java": "package tool; public class Constants { public static String NAME = name(); static String name() { return null; } }",  # noqa: E501
    "tool/deep/Leaf.java": "package tool.deep; public class Leaf { public Leaf() {} }",
    "tool/deep/Unused.java": "package tool.deep; public class Unused {}",
}


def test_what_java_needs_by_import_by_star_by_package_and_by_full_name():
    found = edges({f"src/main/java/{path}": text for path, text in JAVA.items()} | {"Copy.java": JAVA["tool/Tool.java"]})
    short = {tuple(path.removeprefix("src/main/java/") for path in pair) for pair in found}
    main = {target for path, target in short if path == "app/Main.java"}
    assert main == {"app/Helper.java", "tool/Tool.java", "tool/deep/Leaf.java", "tool/Constants.java", "tool/Full.java"}
    assert {target for path, target in short if path == "app/Helper.java"} == {"app/Nested.java"}
    assert ("app/Nested.java", "app/Helper.java") in short and ("tool/Full.java", "tool/Constants.java") in short


def test_hostile_paths_and_names():
    names = ["\\xff\\xfe", "a b", "ü", "-", "..", "__init__", "x" * 200, "A", "a"]
    texts = {f"{one}/{other}.py": f"import {other}\nfrom . import {one}\nfrom .. import {other}" for one in names for other in names}
    texts |= {f"{name}.java": "package a..b; import a.; import .*; class A { A a; }" for name in names}
    texts |= {f"{name}.c": f'#include "{name}.c"\n#include "../../../{name}.c"\n#include "/"\n#include "."\n' for name in names}
    found = edges(texts)
    assert all(one != other and {one, other} <= texts.keys() for one, other in found)
    assert found == edges(dict(reversed(texts.items())))


def test_a_thousand_files_of_one_name_do_not_make_the_work_square():
    paths = sorted(f"d{number}/config.h" for number in range(20_000))
    graph = import_graph(paths, ["C"] * len(paths), [['"config.h"', '"x/config.h"'] for _ in paths])
    assert graph.edges == 0 and graph.resolved == len(paths)
    paths = sorted(f"d{number}/tool/__init__.py" for number in range(5_000))
    assert import_graph(paths, ["Python"] * len(paths), [["tool.x", "tool"] for _ in paths]).edges == 0


@pytest.mark.parametrize("package", ["email", "asyncio", "unittest"])
def test_python_edges_are_those_of_modulefinder(package):
    found = python_agreement(LIBRARY, LIBRARY / package)
    assert found.both > 20 and (found.precision, found.recall) == (1.0, 1.0)


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc")
def test_c_edges_are_those_of_gcc(tmp_path):
    texts = {
        "include/api.h": '#include "types.h"\n#include <stddef.h>\n',
        "include/types.h": "typedef int number;\n",
        "src/a.c": '#include "a.h"\n#include <api.h>\n#ifdef NEVER\n#include "never.h"\n#endif\n/*\n#include "comment.h"\n*/\n',
        "src/a.h": '#include "deep/b.h"\n',
        "src/deep/b.h": '#include "../c.h"\n',
        "src/c.h": "",
        "src/never.h": "",
        "src/comment.h": "",
    }
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    every, taken = c_agreements(tmp_path.resolve(), ["include"])
    assert (taken.both, taken.precision, taken.recall) == (9, 1.0, 1.0)
    assert (every.recall, every.ours_alone) == (1.0, 1)  # the branch that gcc does not take


@pytest.mark.skipif(not (shutil.which("javac") and shutil.which("jdeps")), reason="there is no JDK")
def test_java_edges_are_those_of_jdeps(tmp_path):
    for path, text in JAVA.items():
        (tmp_path / "src" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / path).write_text(text)
    files = [str(tmp_path / "src" / path) for path in JAVA]
    subprocess.run(["javac", "-d", str(tmp_path / "classes"), *files], check=True, capture_output=True)
    found = java_agreement("small", {path: text.encode() for path, text in JAVA.items()}, tmp_path / "classes")
    assert found.both >= 7 and (found.precision, found.recall) == (1.0, 1.0)


def test_a_script_without_a_suffix_imports_from_beside_itself():
    paths = ["scripts/deploy", "scripts/tool.py"]
    graph = import_graph(paths, ["Python", "Python"], [["tool"], []])
    assert graph.edges == 1 and graph.resolved == 1
