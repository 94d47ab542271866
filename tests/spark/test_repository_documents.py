"""Documents of repositories: what is kept, each file once, what is imported before what imports it, and nothing across the split."""

import email
import hashlib
import shutil
from itertools import groupby
from pathlib import Path

import pyarrow.compute as pc
import pytest

from jobs.annotate import imports
from jobs.assemble import notebooks, repositories
from jobs.assemble.notebooks import NotebooksParams
from jobs.assemble.repository_rows import RepositoriesParams
from jobs.ingest import files
from jobs.ingest.files import IngestParams
from jobs.runtime.job import NoParams
from jobs.runtime.tables import Tables
from schemas.assemble import DOCUMENTS, REPOSITORY_CONTEXTS, REPOSITORY_PARTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import CONTENTS, FILES
from schemas.lake import Lake
from tests.job_runs import run_job
from tests.table_rows import put_rows
from udfs import repository_parts
from udfs.imports import imports_of
from udfs.repository_layout import read

PACKAGE = Path(email.__file__).parent
SMALL = {
    "app/main.py": "from app import tool\nprint(tool.run())\n",
    "app/tool.py": "from app.deep import run\n",
    "app/deep.py": "def run():\n    return 1\n",
    "app/leak.py": "HELD_OUT = 1\n",
    "index.html": "<p>no line feed",
    "dropped.py": "x = (\n",
    "copy.py": "nearly = 1\n",
    "look.ipynb": '{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["look = 1\\n", "look"], "outputs": []}]}',
    "like.ipynb": '{"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "Nearly kept"}]}',
    "torn.ipynb": '{"nbformat": 4',
}
NOTEBOOKS_SHOWN = {"look.ipynb": "```\nlook = 1\nlook\n```\n", "like.ipynb": "Nearly kept\n"}


@pytest.fixture(scope="module")
def tables(spark, tmp_path_factory):
    """A lake of the library's email package, a small repository, one with a single file, and one without a file that is kept."""
    tmp_path = tmp_path_factory.mktemp("repositories")
    shutil.copytree(PACKAGE, tmp_path / "library" / "email", ignore=shutil.ignore_patterns("__pycache__"))
    for name, texts in (("small", SMALL), ("one", {"one.py": "one = 1\n"}), ("none", {"none.py": "import (\n"})):
        for path, text in texts.items():
            place = tmp_path / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    sources = tuple(str(tmp_path / name) for name in ("library", "small", "one", "none"))
    found = Tables(spark, Lake.at(str(tmp_path / "lake")))
    found.lake.create()
    for transform, params in ((files.transform, IngestParams(sources)), (imports.transform, NoParams())):
        for write in transform(found, params):
            found.apply(write)
    return found


def key(text):
    return hashlib.sha256(text.encode()).hexdigest()


def decide(tables, score):
    dropped = {key(SMALL["dropped.py"]): ["syntax_errors"], key("import (\n"): ["syntax_errors"]}
    dropped |= {key(SMALL[name]): ["near_duplicate"] for name in ("copy.py", "like.ipynb")}
    known = {"policy": "demo", "policy_hash": "x", "repository": "elsewhere", "token_estimate": 1, "split": "train"}
    notebooks_at = {key(text): path for path, text in SMALL.items() if path.endswith(".ipynb")}
    kept, out = [], []
    for row in tables[CONTENTS].select("content_sha256", "size_bytes").collect():
        one = known | {"kind": "file", "candidate": row.content_sha256, "size_bytes": row.size_bytes}
        one |= {"path": notebooks_at.get(row.content_sha256, "")}
        if reasons := dropped.get(row.content_sha256):
            out.append(one | {"reasons": reasons, "survivor": key("one = 1\n") if reasons == ["near_duplicate"] else None})
        else:
            is_held_out = row.content_sha256 == key(SMALL["app/leak.py"])
            kept.append(one | {"scorer": "s", "score_percent": score, "split": "held_out" if is_held_out else "train"})
    for name in {row.repository for row in tables[FILES].select("repository").collect()}:
        kept.append(known | {"kind": "repository", "candidate": name, "repository": name, "path": "", "size_bytes": 1})
    for table, rows in ((KEPT, kept), (DROPPED, out)):
        put_rows(tables.lake, table, rows)


def assembled(tables, **params):
    run_job(tables, notebooks, NotebooksParams())
    run_job(tables, repositories, RepositoriesParams(**params))
    where = f"layout = '{RepositoriesParams(**params).layout}'"
    contexts = {row.repository.rpartition(":")[2]: row for row in tables[REPOSITORY_CONTEXTS].where(where).collect()}
    documents = {row.candidate.rpartition(":")[2]: row for row in tables[DOCUMENTS].where(where).collect()}
    return contexts, documents


def test_a_repository_becomes_documents_that_are_read_back(tables):
    decide(tables, 50)
    contexts, documents = assembled(tables)
    reasons = {name: row.reason for name, row in contexts.items()}
    assert reasons == {"library": None, "small": None, "one": "too_few_files", "none": "no_files"}
    assert tables.account.dropped == {"not_json": 1}
    assert tables.account.rejected == {"too_few_files": 1, "no_files": 1} and tables.account.read_rows == 4
    assert documents.keys() == {"small#0", *(f"library#{part}" for part in range(contexts["library"].part_count))}
    assert all(row.size_bytes == len(row.text.encode()) <= RepositoriesParams().window_bytes for row in documents.values())
    shown = {file.path: file.text for file in read(documents["small#0"].text)}
    left_out = ("dropped.py", "app/leak.py", "torn.ipynb")
    assert shown == {path: text for path, text in SMALL.items() if path not in left_out} | NOTEBOOKS_SHOWN
    order = list(shown)
    assert order.index("app/deep.py") < order.index("app/tool.py") < order.index("app/main.py")
    assert (contexts["small"].resolved_imports, contexts["small"].edge_count, contexts["small"].mean_score_percent) == (2, 2, 50.0)

    library = [file for part in range(contexts["library"].part_count) for file in read(documents[f"library#{part}"].text)]
    whole = {file.path: file.text for file in library}
    assert (
        len(library) == len(whole) == len(set(PACKAGE.rglob("*.*")) - set(PACKAGE.rglob("__pycache__/*"))) == contexts["library"].file_count
    )
    assert all((PACKAGE.parent / path).read_bytes() == text.encode() for path, text in whole.items())
    place = {file.path: number for number, file in enumerate(library)}
    assert place["email/_policybase.py"] < place["email/policy.py"]

    parts = tables[REPOSITORY_PARTS].orderBy("repository", "part", "position").collect()
    for (repository, part), rows in groupby(parts, key=lambda row: (row.repository.rpartition(":")[2], row.part)):
        found = list(rows)
        if part == 0 and repository == "small":
            assert {row.path: row.needs for row in found if row.needs} == {"app/main.py": ["app/tool.py"], "app/tool.py": ["app/deep.py"]}
        assert [row.path for row in found] == [file.path for file in read(documents[f"{repository}#{part}"].text)]
        assert [row.position for row in found] == list(range(len(found)))


def test_other_verdicts_give_other_documents_and_leave_no_old_one(tables):
    decide(tables, 39)
    contexts, documents = assembled(tables, policy=("min_repository_score_percent=40",))
    assert not documents and {row.reason for row in contexts.values()} == {"low_score", "too_few_files", "no_files"}
    assert tables[REPOSITORY_PARTS].count() == 0


def test_only_documents_whose_files_are_others_are_written_again(tables):
    decide(tables, 50)
    before = assembled(tables)[1]
    version = tables.lake.version(DOCUMENTS)
    assert assembled(tables)[1] == before and tables.lake.version(DOCUMENTS) == version  # nothing to write is no commit
    tables.spark.sql(f"update delta.`{tables.lake.spark_path(DOCUMENTS.name)}` set text = 'as it was' where candidate like '%library#%'")
    put_rows(tables.lake, KEPT, tables.lake.read(KEPT, where=pc.field("candidate") != key(SMALL["index.html"])).to_pylist())
    after = assembled(tables)[1]
    assert after.keys() == before.keys() and {row.text for name, row in after.items() if name != "small#0"} == {"as it was"}
    assert "index.html" in before["small#0"].text and "index.html" not in after["small#0"].text
    tables.spark.sql(f"delete from delta.`{tables.lake.spark_path(DOCUMENTS.name)}` where candidate like '%library#0'")
    decide(tables, 50)
    again = assembled(tables)[1]
    assert {name for name, row in again.items() if row.text != "as it was"} == {"small#0", "library#0"}
    tables.is_forced = True
    assert assembled(tables)[1] == before
    tables.is_forced = False
    assert [again[name] for name in ("small#0", "library#0")] == [before[name] for name in ("small#0", "library#0")]


def test_what_older_code_wrote_is_removed_and_another_choice_stays_until_it_is_forgotten(tables, monkeypatch):
    decide(tables, 50)
    other = RepositoriesParams(window_bytes=4096).layout
    assembled(tables, window_bytes=4096)
    before = assembled(tables)[1]
    monkeypatch.setattr(repository_parts, "VERSION", 99)
    after = assembled(tables)[1]
    assert before.keys() == after.keys() and {row.layout for row in after.values()}.isdisjoint({row.layout for row in before.values()})
    for table in (DOCUMENTS, REPOSITORY_PARTS, REPOSITORY_CONTEXTS):
        layouts = {row.layout for row in tables[table].where("layout like 'repository/%'").select("layout").distinct().collect()}
        assert layouts == {RepositoriesParams().layout, other}
    assembled(tables, forget=(other,))
    assert {row.layout for row in tables[REPOSITORY_CONTEXTS].collect()} == {RepositoriesParams().layout}


def test_imports_are_read_once_of_each_text_and_language(tables):
    found = {row.content_sha256: row for row in tables[imports.IMPORTS].collect()}
    assert {row.content_sha256 for row in tables[FILES].where("language = 'Python'").collect()} == found.keys()
    main = found[key(SMALL["app/main.py"])]
    assert (main.imports, main.is_cut) == (imports_of(SMALL["app/main.py"].encode(), "Python")[0], False) == (["app:tool"], False)
    for write in imports.transform(tables, NoParams()):
        assert tables.apply(write).rows == 0
