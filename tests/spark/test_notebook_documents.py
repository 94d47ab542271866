"""Kept notebooks become one readable document each, or a row with a reason; other files keep theirs."""

import hashlib
import json
from pathlib import Path

from pyspark.sql import functions as F

from jobs.assemble import documents, notebooks
from jobs.assemble.documents import DocumentsParams, layout_of
from jobs.assemble.notebooks import NotebooksParams
from schemas.assemble import DOCUMENTS, NOTEBOOKS
from schemas.decide import KEPT
from schemas.ingest import CONTENTS
from tests.job_runs import run_job
from tests.table_rows import put_rows
from udfs.notebooks import read_notebook

REAL = (Path(__file__).parents[2] / "notebooks" / "quality.ipynb").read_text(encoding="utf-8")
FILES = {"a/real.IPYNB": REAL, "b/broken.ipynb": '{"nbformat": 4', "c/empty.ipynb": '{"nbformat": 4, "cells": []}', "d/code.py": "x = 1\n"}


def key(text):
    return hashlib.sha256(text.encode()).hexdigest()


def put(tables, table, rows):
    put_rows(tables.lake, table, rows)


def test_a_kept_notebook_has_one_document_or_a_reason(tables):
    common = {"kind": "file", "policy": "demo", "policy_hash": "h", "repository": "r", "token_estimate": 1, "split": "train"}
    put(tables, KEPT, [common | {"candidate": key(text), "path": path, "size_bytes": len(text.encode())} for path, text in FILES.items()])
    put(tables, CONTENTS, [{"content_sha256": key(text), "text": text, "size_bytes": len(text.encode())} for text in FILES.values()])
    for _ in range(2):
        run_job(tables, documents, DocumentsParams())
        run_job(tables, notebooks, NotebooksParams())

    found = {row.candidate: row for row in tables[DOCUMENTS].collect()}
    assert set(found) == {key(REAL), key(FILES["d/code.py"])} and tables[DOCUMENTS].count() == 2
    made = found[key(REAL)]
    assert (made.layout, made.text, made.contents) == ("notebook/1", read_notebook(REAL).text, [])
    assert made.size_bytes == len(made.text.encode()) and found[key(FILES["d/code.py"])].text is None

    facts = {row.content_sha256: row for row in tables[NOTEBOOKS].collect()}
    assert {facts[key(text)].reason for path, text in FILES.items() if path[0] in "bc"} == {"not_json", "no_text"}
    cells = json.loads(REAL)["cells"]
    assert facts[key(REAL)].language == "python" and facts[key(REAL)].code_cells == sum(cell["cell_type"] == "code" for cell in cells)
    assert tables.account.dropped == {"not_json": 1, "no_text": 1}

    layouts = {row.path: row.layout for row in tables[KEPT].select("path", layout_of().alias("layout")).collect()}
    assert {path: layout == "notebook/1" for path, layout in layouts.items()} == {path: path[0] != "d" for path in FILES}
    joined = tables[KEPT].withColumn("layout", layout_of()).join(tables[DOCUMENTS], ["kind", "candidate", "layout"])
    assert joined.select(F.countDistinct("candidate"), F.count("*")).first() == (2, 2)
