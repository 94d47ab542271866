"""Notebooks: what is in the document, what is left out by rule, what is refused with a reason; over notebooks made at random."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.notebooks import MOST_OUTPUT_CHARACTERS, MOST_OUTPUT_LINES, REASONS, NotebookError, is_notebook, read_notebook

ROOT = Path(__file__).parents[2]
IMAGE = "iVBORw0KGgo" * 40
KERNEL = {"kernelspec": {"language": "Python", "name": "python3"}}


def notebook(*cells, **more):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": KERNEL, "cells": list(cells)} | more)


def code(source, *outputs):
    return {"cell_type": "code", "source": source, "metadata": {}, "execution_count": None, "outputs": list(outputs)}


def old_code(source, output):
    return {"cell_type": "code", "input": source, "language": "python", "outputs": [output]}


def prose(source):
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def printed(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def result(**data):
    return {
        "output_type": "execute_result",
        "metadata": {},
        "execution_count": 1,
        "data": {k.replace("_", "/"): v for k, v in data.items()},
    }


def reason(text):
    with pytest.raises(NotebookError) as error:
        read_notebook(text)
    return error.value.reason


def test_cells_become_blocks_in_their_order():
    found = read_notebook(notebook(prose(["# Sums\n", "of two"]), code("a = 1\na + 1", result(text_plain="2")), prose("The end")))
    assert found.text == "# Sums\nof two\n\n```python\na = 1\na + 1\n```\n\n```output\n2\n```\n\nThe end\n"
    assert (found.language, found.markdown_cells, found.code_cells) == ("python", 2, 1)
    assert found.markdown_bytes + found.code_bytes + found.output_bytes + 2 * 3 + 1 == len(found.text.encode())


def test_a_notebook_of_nbformat_3_has_worksheets_headings_and_inputs():
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Sums"},
        old_code(["1 + 1"], {"output_type": "pyout", "text": ["2"]}),
        old_code("plot()", {"output_type": "display_data", "png": IMAGE, "text": "<fig>"}),
        old_code("1 / 0", {"output_type": "pyerr", "ename": "E", "evalue": "no\nmore"}),
    ]
    found = read_notebook(json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells[:2]}, {"cells": cells[2:]}]}))
    assert found.text.split("\n\n") == [
        "## Sums",
        "```python\n1 + 1\n```",
        "```output\n2\n```",
        "```python\nplot()\n```",
        "```python\n1 / 0\n```",
        "```output\nE: no\n```\n",
    ]
    assert found.left_out_outputs == 1


def test_images_pages_errors_streams_and_attachments_are_left_out():
    outputs = [
        printed("careful", "stderr"),
        result(image_png=IMAGE, text_plain="<Figure>"),
        result(text_html="<b>2</b>"),
        result(image_svg=IMAGE),
    ]
    cell = {**prose(f"![plot](data:image/png;base64,{IMAGE}) and words"), "attachments": {"a.png": {"image/png": IMAGE}}}
    found = read_notebook(notebook(code("x", *outputs), cell, {"cell_type": "raw", "source": "raw " + IMAGE, "metadata": {}}))
    assert found.text == "```python\nx\n```\n\n![plot](data:image/png;base64) and words\n"
    assert (found.left_out_outputs, found.left_out_cells) == (4, 1)


def test_a_table_that_is_plain_text_and_html_is_its_plain_text():
    assert "```output\na  b\n```" in read_notebook(notebook(code("x", result(text_plain=["a  b"], text_html="<table>")))).text


def test_a_long_output_is_cut_and_says_so():
    many = read_notebook(notebook(code("x", printed("\n".join(map(str, range(1000)))), printed("last")))).text
    assert many.count("\n") == MOST_OUTPUT_LINES + 7 and "\n19\n...\n```" in many and "last" not in many
    wide = read_notebook(notebook(code("x", printed("y" * 1_000_000)))).text
    assert wide.count("yy") == MOST_OUTPUT_CHARACTERS // 2 and wide.endswith("\n...\n```\n")
    whole = read_notebook(notebook(code("x", printed("\n".join(map(str, range(MOST_OUTPUT_LINES))))))).text
    assert "..." not in whole and "\n19\n" in whole


def test_an_output_looks_as_on_a_terminal():
    text = "10 %\r50 %\r100 %\n\x1b[31mred\x1b[0m\r\n\x1b]8;;http://x\x07link"
    assert "```output\n100 %\nred\nlink\n```" in read_notebook(notebook(code("x", printed(text)))).text


def test_magics_stay_and_a_cell_magic_names_the_language():
    found = read_notebook(notebook(code("%%bash\nls"), code("%matplotlib inline\n!pip list\nx = 1"), code("%%time\ny = 2")))
    assert found.text.startswith("```bash\n%%bash\nls\n```\n\n```python\n%matplotlib inline\n!pip list\nx = 1\n```\n\n```python\n%%time\n")
    assert found.code == "ls\n\nx = 1\n\ny = 2\n"


def test_a_fence_is_longer_than_those_inside():
    found = read_notebook(notebook(code('x = """\n````\n"""', printed("```"))))
    assert found.text == '`````python\nx = """\n````\n"""\n`````\n\n````output\n```\n````\n'


def test_a_notebook_without_a_kernel_has_plain_fences():
    found = read_notebook(notebook(code("x"), metadata={"kernelspec": {"language": "not a ```word"}}))
    assert found.language is None and found.text == "```\nx\n```\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        ("[" * 100_000, "not_json"),
        ("1" * 10_000, "not_json"),
        ("[]", "not_a_notebook"),
        ('{"cells": []}', "not_a_notebook"),
        ('{"nbformat": 4}', "not_a_notebook"),
        ('{"nbformat": 4, "cells": {}}', "not_a_notebook"),
        ('{"nbformat": 3, "worksheets": [1]}', "not_a_notebook"),
        ('{"nbformat": 2, "worksheets": []}', "unknown_format"),
        ('{"nbformat": [4], "cells": []}', "unknown_format"),
        ('{"nbformat": 4, "cells": [1]}', "damaged_cell"),
        (notebook({"cell_type": "code"}), "damaged_cell"),
        (notebook(prose(7)), "damaged_cell"),
        (notebook(prose([["x"]])), "damaged_cell"),
        (notebook(code("x", "y")), "damaged_cell"),
        (notebook(code("x", printed(None))), "damaged_cell"),
        (notebook({"cell_type": "heading", "level": float("inf"), "source": "x"}), "damaged_cell"),
        (notebook(), "no_text"),
        (notebook(code(" \n"), prose("")), "no_text"),
    ],
)
def test_what_is_no_notebook_has_a_reason(text, expected):
    assert reason(text) == expected


def test_every_reason_is_told_of():
    assert all(REASONS.values()) and str(NotebookError("no_text")).startswith("no_text: ")


def test_lone_surrogates_become_replacement_characters():
    text = r'{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "a\ud800b \ud83d\ude00"}]}'
    assert read_notebook(text).text == "a\ufffdb \U0001f600\n"


def test_a_real_notebook_reads_as_its_cells():
    path = ROOT / "notebooks" / "quality.ipynb"
    raw = json.loads(path.read_text(encoding="utf-8"))
    found = read_notebook(path.read_text(encoding="utf-8")).text
    for cell in raw["cells"]:
        assert "".join(cell["source"]).strip("\n") in found


def test_notebooks_are_told_by_their_ending():
    assert is_notebook("a/b.IPYNB") and not is_notebook("a.ipynb/b.py") and not is_notebook("ipynb")


NAMES = st.sampled_from(["cells", "source", "cell_type", "outputs", "data", "text", "output_type", "level"])
KINDS = st.sampled_from(["code", "markdown", "stream", "error", "heading"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner | KINDS, max_size=4), max_leaves=20
)
SOURCES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=40).filter(lambda text: text.strip())
OUTPUTS = st.lists(SOURCES.map(printed) | SOURCES.map(lambda text: result(text_plain=text, text_html=text)), max_size=3)
CELLS = st.builds(prose, SOURCES) | st.builds(lambda source, outputs: code(source, *outputs), SOURCES, OUTPUTS)


@given(ANYTHING, st.sampled_from([3, 4]))
def test_anything_is_a_document_or_a_reason(cells, version):
    text = json.dumps({"nbformat": version, "cells": cells, "worksheets": [{"cells": cells}], "metadata": cells})
    try:
        read_notebook(text).text.encode()
    except NotebookError as error:
        assert error.reason in REASONS


@given(st.lists(CELLS, min_size=1, max_size=6))
def test_every_source_is_in_the_document_once_and_in_order(cells):
    found = read_notebook(notebook(*cells))
    assert found.text == read_notebook(notebook(*cells)).text
    position = 0
    for cell in cells:
        source = cell["source"].strip("\n")
        assert source in found.text[position:]
        position = found.text.index(source, position) + len(source)
    assert found.code_cells + found.markdown_cells == len(cells)


@given(st.lists(st.builds(lambda source, outputs: code(source, *outputs), SOURCES, OUTPUTS), min_size=1, max_size=5))
def test_fences_close_where_they_were_opened(cells):
    """A reader of fences (CommonMark's rule) finds one block per code cell, and one per cell that printed."""
    opened, blocks = None, 0
    for line in read_notebook(notebook(*cells)).text.split("\n"):
        fence = re.fullmatch(r"(`{3,})([\w.+#-]*)", line)
        if opened is None and fence:
            opened = fence[1]
        elif fence and not fence[2] and len(fence[1]) >= len(opened):
            opened, blocks = None, blocks + 1
    assert opened is None
    assert blocks == sum(1 + any(shown(output).strip() for output in cell["outputs"]) for cell in cells)


def shown(output):
    return output["text"] if "text" in output else output["data"]["text/plain"]
