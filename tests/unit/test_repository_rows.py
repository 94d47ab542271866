"""What a task makes of sorted files: rows of contexts and parts, and of texts documents; without Spark, as Spark calls it."""

import hashlib
import json

import pyarrow as pa
import pytest

from jobs.assemble.repositories import TEXTS, put_together, written_batch
from jobs.assemble.repository_rows import RepositoriesParams, ordered
from jobs.runtime.errors import CountsError, UsageError
from udfs.imports import imports_of
from udfs.notebooks import read_notebook
from udfs.repository_layout import read

FILES = pa.schema(
    [(name, pa.string()) for name in ("repository", "path", "language", "content_sha256")]
    + [("score_percent", pa.int64()), ("size_bytes", pa.int64()), ("imports", pa.list_(pa.string()))]
)
TEXT = {
    "a.py": "import b\n" + "a = 1\n" * 400,
    "b.py": "import a, c\n" + "b = 1\n" * 100,
    "c.py": "c = 1\n",
    "long.sql": "é\n" * 9000,
    "style.css": "p {}",
    "\\xff.html": "<p>",
    "odd\nname.md": "@@@ file x\n",
}


def rows(repository, texts, **columns):
    for path, text in sorted(texts.items()):
        known = {"repository": repository, "path": path, "language": "Python" if path.endswith(".py") else None, "score_percent": 50}
        known |= {"content_sha256": hashlib.sha256(text.encode()).hexdigest(), "size_bytes": len(text.encode())}
        yield known | {"imports": imports_of(text.encode(), "Python")[0] if path.endswith(".py") else None} | columns


def ordered_rows(given, least_score=None, batch_rows=3, **params):
    batches = [pa.RecordBatch.from_pylist(given[start : start + batch_rows], FILES) for start in range(0, len(given), batch_rows)]
    found = [row for batch in ordered(batches, RepositoriesParams(**params), least_score) for row in batch.to_pylist()]
    return [row for row in found if row["part"] is None], [row for row in found if row["part"] is not None]


def texts_of(parts, text):
    sizes = {}
    for row in parts:
        sizes[row["repository"], row["part"]] = sizes.get((row["repository"], row["part"]), 0) + 1
    return [
        {
            "candidate": f"{row['repository']}#{row['part']}",
            "layout": "repository/1",
            "made_of": "hash",
            "position": row["position"],
            "files": sizes[row["repository"], row["part"]],
            "path": row["path"],
            "piece": row["piece"],
            "pieces": row["pieces"],
            "text": text[row["path"]],
        }
        for row in parts
    ]


def documents_of(parts, text, batch_rows=2):
    given = texts_of(parts, text)
    batches = [pa.RecordBatch.from_pylist(given[start : start + batch_rows]) for start in range(0, len(given), batch_rows)]
    return {row["candidate"]: row["text"] for batch in put_together(map(written_batch, batches)) for row in batch.to_pylist()}


@pytest.mark.parametrize("window", [1024, 4096, 1 << 20])
def test_documents_hold_every_text_once_whatever_the_window(window):
    contexts, parts = ordered_rows([*rows("r", TEXT), *rows("s", {"x.py": "", "y.py": "import x\n"})], window_bytes=window)
    documents = documents_of(parts, TEXT | {"x.py": "", "y.py": "import x\n"})
    assert len(documents) == sum(row["part_count"] for row in contexts)
    files = [file for part in range(contexts[0]["part_count"]) for file in read(documents[f"r#{part}"])]
    found = {}
    for file in files:
        found[file.path] = found.get(file.path, "") + file.text
    assert found == TEXT
    assert all(len(text.encode()) <= window for text in documents.values())
    assert contexts[0]["cut_files"] == len({file.path for file in files if file.pieces > 1}) == {1024: 2, 4096: 1, 1 << 20: 0}[window]
    assert (contexts[0]["cycle_count"], contexts[0]["cycle_files"], contexts[0]["edge_count"]) == (1, 2, 3)
    assert [file.path for file in read(documents[f"s#{contexts[1]['part_count'] - 1}"])] == ["x.py", "y.py"]
    edges = {(row["repository"], row["path"]): row["needs"] for row in parts if row["needs"]}
    assert edges == {("r", "a.py"): ["b.py"], ("r", "b.py"): ["a.py", "c.py"], ("s", "y.py"): ["x.py"]}


def test_a_notebook_stands_in_a_document_as_it_is_read():
    text = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = 1\n" * 900, "outputs": []}]})
    shown = read_notebook(text).text
    given = list(rows("r", {"a.py": "1\n", "b.ipynb": text}))
    given[1]["size_bytes"] = len(shown.encode())  # as the job gives it
    contexts, parts = ordered_rows(given, window_bytes=4096)
    documents = documents_of(parts, {"a.py": "1\n", "b.ipynb": text})
    files = [file for part in range(contexts[0]["part_count"]) for file in read(documents[f"r#{part}"])]
    assert "".join(file.text for file in files if file.path == "b.ipynb") == shown
    assert contexts[0]["cut_files"] == 1 and all(len(document.encode()) <= 4096 for document in documents.values())


def test_every_repository_has_one_row_with_its_reason():
    none = {"repository": "none"}
    given = [
        *rows("large", {f"f{number}.py": f"import f{number + 1}\n" for number in range(9)}),
        *rows("low", {"a.py": "1", "b.py": "2"}, score_percent=30),
        none,
        *rows("one", {"a.py": "1"}),
        *rows("unknown", {"a.py": "1", "b.py": "2"}, score_percent=None),
    ]
    contexts, parts = ordered_rows(given, least_score=40, max_files=8)
    reasons = {row["repository"]: row["reason"] for row in contexts}
    assert reasons == {"large": "too_large", "low": "low_score", "none": "no_files", "one": "too_few_files", "unknown": None}
    assert {row["repository"] for row in parts} == {"unknown"}
    assert [row["file_count"] for row in contexts] == [9, 2, 0, 1, 2]
    assert ordered_rows(given, least_score=40, max_imports=8)[0][0]["reason"] == "too_large"
    assert len(ordered_rows(given, least_score=None)[1]) == 9 + 2 + 2


def test_rows_do_not_depend_on_batches():
    given = [*rows("r", TEXT), *rows("s", {"x.py": "", "y.py": "import x\n"})]
    assert ordered_rows(given, batch_rows=1) == ordered_rows(given, batch_rows=100)


def test_a_text_that_is_missing_fails_instead_of_leaving_a_hole():
    _, parts = ordered_rows(list(rows("r", TEXT)))
    batch = written_batch(pa.RecordBatch.from_pylist(texts_of(parts, TEXT)))
    assert batch.schema == TEXTS
    for left in (batch.slice(1), batch.slice(0, batch.num_rows - 1)):
        with pytest.raises(CountsError):
            list(put_together([left]))


def test_a_seed_that_could_not_stand_in_a_name_is_refused():
    with pytest.raises(UsageError, match="expected letters"):
        RepositoriesParams(seed="it's").checked()
    assert RepositoriesParams(seed="other").layout != RepositoriesParams().layout
