"""Builds pages whose source is known from a folder of reStructuredText, with Sphinx: rows of {html, text, codes}.

    PYTHON benchmarks/peers/sphinx_pages.py SOURCES OUT.jsonl [--themes alabaster,classic]

PYTHON is one that has Sphinx and the themes. `_sources` of any Sphinx documentation will do (NAME.rst.txt or NAME.rst): what an unknown
directive would have made is missing from the pages and from the truth alike. The truth is Sphinx's own plain text of the same document, and
the literal blocks of its tree.
"""

import argparse
import json
import pickle
import re
import shutil
import tempfile
from pathlib import Path

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.application import Sphinx  # type: ignore[import-not-found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources")
    parser.add_argument("out")
    parser.add_argument("--themes", default="alabaster,classic")
    parser.add_argument("--most", type=int, default=100, help="documents, spread evenly over the sources")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open(arguments.out, "w", encoding="utf-8") as out:
        names = _copy(Path(arguments.sources), Path(folder, "source"), arguments.most)
        _build(folder, "text", "alabaster")
        for theme in arguments.themes.split(","):
            _build(folder, "html", theme)
            for name in names:
                tree = pickle.loads(Path(folder, "trees", f"{name}.doctree").read_bytes())
                codes = [block.astext() for block in tree.findall(nodes.literal_block) if block.astext().strip()]
                page, text = (Path(folder, kind, f"{name}.{end}").read_text("utf-8") for kind, end in (("html", "html"), ("text", "txt")))
                out.write(json.dumps({"html": page, "text": text, "codes": codes}) + "\n")


def _copy(sources: Path, folder: Path, most: int) -> list[str]:
    files = sorted([*sources.rglob("*.rst.txt"), *sources.rglob("*.rst")])
    files = files[:: max(1, len(files) // most)]
    names = [re.sub(r"\.rst(\.txt)?$", "", str(file.relative_to(sources))) for file in files]
    for name, file in zip(names, files, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / f"{name}.rst")
    index = "\n   ".join(["Pages", "=====", "", ".. toctree::", "", *names]).replace("\n   =", "\n=").replace("\n   .. ", "\n.. ")
    (folder / "first-page.rst").write_text(index + "\n", "utf-8")
    return names


def _build(folder: str, kind: str, theme: str) -> None:
    settings = {"html_theme": theme, "project": "Known pages", "root_doc": "first-page", "trim_doctest_flags": False}
    Sphinx(
        f"{folder}/source", None, f"{folder}/{kind}", f"{folder}/trees", kind, settings, status=None, warning=None, freshenv=kind == "text"
    ).build(force_all=True)


if __name__ == "__main__":
    main()
