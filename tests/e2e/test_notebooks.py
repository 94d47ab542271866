"""Every notebook runs from its first cell to its last, on a lake that nobody made for it, and is kept without what it printed."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.lake_builder import HELD_OUT, lake_rows
from tests.source_files import standard_library

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    files = standard_library(10_000)
    rows = lake_rows(files[:300] + [file for file in files[300:] if file.repository == HELD_OUT])
    lake = rows.write(tmp_path_factory.mktemp("notebooks") / "lake")
    found, before = {}, names_below(lake)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CODEMILL_LAKE", str(lake))
        patch.setenv("CODEMILL_LABELS", "150")
        for path in NOTEBOOKS:
            found[path.name] = nbformat.read(path, as_version=4)
            NotebookClient(found[path.name], timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    assert names_below(lake) == before, "a notebook wrote to the lake that it looks at"
    return found


def names_below(folder):
    return sorted(str(path) for path in Path(folder).rglob("*"))


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_a_notebook_is_kept_without_outputs():
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        assert outputs(notebook) == [] and not any(cell.get("execution_count") for cell in notebook.cells), path.name


def test_the_notebook_on_quality_shows_labels_training_errors_and_the_cut(executed):
    found = outputs(executed["quality.ipynb"])
    pictures = [output for output in found if "image/png" in output.get("data", {})]
    tables = [output.data["text/plain"] for output in found if "text/html" in output.get("data", {})]
    said = "".join(output.text for output in found if output.output_type == "stream" and output.name == "stdout")
    assert len(pictures) == 3 and len(tables) >= 5
    (errors,) = (table for table in tables if "scorer, shuffled ratings" in table)
    assert "hashed n-grams" in errors and "mean of training" in errors
    assert "--- best:" in said and "rated far too well" in said and "the worst 10% are those below" in said
