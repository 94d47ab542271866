"""Pages of pydoc whose source is known: rows of {html, text, codes} for `python -m benchmarks.web_extraction --known OUT.jsonl`.

`python -m benchmarks.known_pydoc OUT.jsonl [--one-line]`, for modules of the standard library. pydoc lays docstrings out without `<pre>`:
a no-break space for every space, a `<br>` for every line end. The codes are the docstrings of more than one line that a page shows (of the
module, its classes and their methods, with a class's signature above), as pydoc read them and before it makes HTML of them; with
`--one-line` those of one line, in which a reader of prose may take two spaces for one.
"""

import argparse
import contextlib
import importlib
import json
import pydoc
import sys
import warnings
from typing import Any

NOT_MODULES = {"antigravity", "this", "idlelib", "turtledemo", "lib2to3"}  # they open a window or a browser, or show nothing


class Recording(pydoc.HTMLDoc):
    """Keeps what is laid out as it was written."""

    def __init__(self) -> None:
        self.docstrings: list[str] = []

    def markup(self, text: str, escape: Any = None, *names: Any) -> str:  # type: ignore[override]
        if escape == self.preformat and text:
            self.docstrings.append(text)
        return super().markup(text, escape, *names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--one-line", action="store_true", help="docstrings of one line")
    arguments = parser.parse_args()
    pages = blocks = 0
    with open(arguments.out, "w", encoding="utf-8") as out:
        for name in sorted(name for name in sys.stdlib_module_names - NOT_MODULES if not name.startswith("_")):
            page = known_page(name)
            codes = [text for text in page[1] if ("\n" not in text) == arguments.one_line] if page else []
            if page and codes:
                out.write(json.dumps({"html": page[0], "text": "", "codes": codes}) + "\n")
                pages, blocks = pages + 1, blocks + len(codes)
    print(f"{pages} pages, {blocks} docstrings")


def known_page(name: str) -> tuple[str, list[str]] | None:
    """(the page of a module, the docstrings on it); None where this machine does not have the module."""
    with warnings.catch_warnings(), contextlib.suppress(ImportError):
        warnings.simplefilter("ignore")
        module = importlib.import_module(name)
        writer = Recording()
        html = writer.page(name, writer.document(module, name))
        return html.encode("utf-8", "replace").decode(), [shown(text) for text in writer.docstrings]
    return None


def shown(text: str) -> str:
    """What pydoc can show of a docstring: no tabs, and nothing in a line of one space."""
    lines = text.expandtabs().encode("utf-8", "replace").decode().split("\n")
    return "\n".join("" if line == " " else line for line in lines).strip("\n")


if __name__ == "__main__":
    main()
