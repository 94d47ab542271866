"""A Jupyter notebook (nbformat 3 or 4, as JSON) becomes a document that can be read: layout `notebook/1`, which is Markdown.

    markdown cells   their text; a heading cell of nbformat 3 is a heading
    code cells       a fenced block with the language of its cell magic, of its cell or of the kernel; magics stay in the text; a cell
                     of white space alone is left out, with its outputs
    outputs          one block fenced as `output` after its code: what was printed, and the plain text of results, cut after
                     MOST_OUTPUT_LINES lines or MOST_OUTPUT_CHARACTERS characters with a line `...`; of an error its name and the
                     first line of what it says. Not: images, HTML, widgets and other media, nor the plain text that only names an
                     image; the stream of errors; colours; what a progress bar wrote over
    left out         raw cells, attachments, metadata, and the base64 of images inside text

Blocks are separated by an empty line. A lone surrogate becomes U+FFFD. Nothing of a notebook is run.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
LAYOUT = "notebook/1"
SUFFIX = ".ipynb"
REASONS = {
    "not_json": "it is no JSON, or JSON nested deeper than can be read",
    "not_a_notebook": "it is JSON, and no object with `nbformat` and cells",
    "unknown_format": "its nbformat is neither 3 nor 4",
    "damaged_cell": "a cell or an output has not the shape that nbformat promises",
    "no_text": "no cell holds anything to read",
}
MOST_OUTPUT_LINES = 20
MOST_OUTPUT_CHARACTERS = 2_000

_COLOURS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_EMBEDDED = re.compile(r"(data:[\w.+-]+/[\w.+-]+(?:;[\w=-]+)*;base64),[A-Za-z0-9+/=]{64,}")
_SURROGATES = re.compile("[\ud800-\udfff]")
_FENCES = re.compile(r"`{3,}")
_LANGUAGE = re.compile(r"[\w.+#-]{1,40}")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
_MAGIC_LANGUAGES = {name.lower(): name.lower() for name in (
    "bash", "sh", "html", "javascript", "latex", "markdown", "perl", "R", "ruby", "sql", "cython", "svg",
)} | {"js": "javascript", "script": "sh"}  # fmt: skip


class NotebookError(Exception):
    """It is no notebook that can be read. `reason` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}: {REASONS[reason]}")
        self.reason = reason


@dataclass
class Notebook:
    """What was read. `language` is the kernel's, in lower case, None where the notebook names none; sizes are of UTF-8 in the document."""

    language: str | None
    blocks: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    markdown_cells: int = 0
    code_cells: int = 0
    left_out_cells: int = 0
    left_out_outputs: int = 0
    markdown_bytes: int = 0
    code_bytes: int = 0
    output_bytes: int = 0

    @property
    def text(self) -> str:
        """The document. Ends in one line feed."""
        return "\n\n".join(self.blocks) + "\n"

    @property
    def code(self) -> str:
        """All code alone, cell after cell, without magics and shell escapes: what a parser of the language reads."""
        lines = "\n\n".join(self.sources).split("\n")
        return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!"))) + "\n"


def is_notebook(path: str) -> bool:
    return path.lower().endswith(SUFFIX)


def read_notebook(text: str) -> Notebook:
    """Raises `NotebookError`, and nothing else, for a notebook that cannot be read."""
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        raise NotebookError("not_json") from None
    cells, language = _cells(loaded)
    notebook = Notebook(language)
    try:
        for cell in cells:
            _add(notebook, cell)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise NotebookError("damaged_cell") from None
    if not notebook.blocks:
        raise NotebookError("no_text")
    return notebook


def _cells(loaded: Any) -> tuple[list[Any], str | None]:
    """The cells, and the kernel's language. nbformat 3 has worksheets, and names the language in each cell."""
    if not isinstance(loaded, dict) or "nbformat" not in loaded:
        raise NotebookError("not_a_notebook")
    if loaded["nbformat"] not in (3, 4):
        raise NotebookError("unknown_format")
    if loaded["nbformat"] == 4:
        cells = loaded.get("cells")
    else:
        sheets = loaded.get("worksheets")
        if not isinstance(sheets, list) or not all(isinstance(s, dict) and isinstance(s.get("cells", []), list) for s in sheets):
            raise NotebookError("not_a_notebook")
        cells = [cell for sheet in sheets for cell in sheet.get("cells", [])]
    if not isinstance(cells, list):
        raise NotebookError("not_a_notebook")
    return cells, _kernel_language(loaded.get("metadata")) or _first_cell_language(cells)


def _kernel_language(metadata: Any) -> str | None:
    for section, name in (("language_info", "name"), ("kernelspec", "language"), ("kernel_info", "name")):
        found = metadata.get(section) if isinstance(metadata, dict) else None
        if isinstance(found, dict) and (language := _language(found.get(name))):
            return language
    return None


def _first_cell_language(cells: list[Any]) -> str | None:
    return next((found for cell in cells if isinstance(cell, dict) and (found := _language(cell.get("language")))), None)


def _language(name: Any) -> str | None:
    """A name in lower case that can stand after a fence; None for what is none. IPython is Python."""
    if not isinstance(name, str) or not _LANGUAGE.fullmatch(name):
        return None
    return {"ipython": "python", "ipython3": "python"}.get(name.lower(), name.lower())


def _add(notebook: Notebook, cell: dict[str, Any]) -> None:
    kind, source = cell["cell_type"], _joined(cell["input"] if "input" in cell else cell["source"])
    if kind == "code" and source.strip():
        notebook.code_cells += 1
        notebook.sources.append(source)
        magic = _CELL_MAGIC.match(source)
        language = _MAGIC_LANGUAGES.get(magic[1].lower()) if magic else None
        notebook.code_bytes += _add_block(notebook, _fenced(source, language or _language(cell.get("language")) or notebook.language or ""))
        printed, left_out = _printed(cell.get("outputs", []))
        notebook.left_out_outputs += left_out
        if printed:
            notebook.output_bytes += _add_block(notebook, _fenced(printed, "output"))
    elif kind in ("markdown", "heading") and source.strip():
        notebook.markdown_cells += 1
        level = min(max(int(cell.get("level", 1)), 1), 6) if kind == "heading" else 0
        notebook.markdown_bytes += _add_block(notebook, ("#" * level + " " if level else "") + _EMBEDDED.sub(r"\1", source))
    else:
        notebook.left_out_cells += 1


def _add_block(notebook: Notebook, block: str) -> int:
    block = block.strip("\n")
    notebook.blocks.append(block)
    return len(block.encode())


def _joined(value: Any) -> str:
    """nbformat writes a text as one string or as a list of its lines."""
    if isinstance(value, list):
        value = "".join(value)
    if not isinstance(value, str):
        raise TypeError
    return _SURROGATES.sub("\ufffd", value).replace("\r\n", "\n").replace("\r", "\n")


def _fenced(text: str, word: str) -> str:
    """A block whose fence is longer than every one inside."""
    fence = "`" * max(3, 1 + max((len(found) for found in _FENCES.findall(text)), default=0))
    return f"{fence}{word}\n{text.strip(chr(10))}\n{fence}"


def _printed(outputs: list[Any]) -> tuple[str, int]:
    """The text of a cell's outputs by the rule above, and how many outputs gave none."""
    found = [list(_lines(output)) for output in outputs]
    lines = [line for part in found for line in part]
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    return _cut(lines), sum(not part for part in found)


def _cut(lines: list[str]) -> str:
    text = "\n".join(lines[:MOST_OUTPUT_LINES])
    is_cut = len(lines) > MOST_OUTPUT_LINES or len(text) > MOST_OUTPUT_CHARACTERS
    return text[:MOST_OUTPUT_CHARACTERS].rstrip() + "\n..." if is_cut else text


def _lines(output: dict[str, Any]) -> Iterator[str]:
    kind = output["output_type"]
    if kind == "stream":
        if output.get("name", output.get("stream", "stdout")) != "stderr":
            yield from _shown(output["text"])
    elif kind in ("error", "pyerr"):
        yield _shown(f"{_joined(output.get('ename', 'Error'))}: {_joined(output.get('evalue', ''))}")[0].removesuffix(":")
    elif kind in ("execute_result", "display_data", "pyout"):
        plain, names = _bundle(output)
        if plain is not None and not any(name.startswith(("image/", "video/", "audio/")) or name in _OLD_IMAGES for name in names):
            yield from _shown(plain)


_OLD_IMAGES = {"png", "jpeg", "svg"}


def _bundle(output: dict[str, Any]) -> tuple[Any, list[str]]:
    """The plain text of a result, and the names of all its forms: nbformat 3 has them beside it, nbformat 4 under `data`."""
    data = output.get("data", output)
    return data.get("text/plain", output.get("text")), list(data)


def _shown(value: Any) -> list[str]:
    """Lines as a terminal would show them: without colours, and of what was written over only the last."""
    text = _SURROGATES.sub("\ufffd", "".join(value) if isinstance(value, list) else _checked(value))
    lines = _EMBEDDED.sub(r"\1", _COLOURS.sub("", text)).replace("\r\n", "\n").split("\n")
    return [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in lines]


def _checked(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
