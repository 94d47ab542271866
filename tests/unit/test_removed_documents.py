"""A job makes its documents again when they were removed, and not because there is none to make."""

import pytest

from jobs.assemble import commits, documents, notebooks, repositories
from jobs.assemble.commit_rows import CommitsParams
from jobs.assemble.repository_rows import RepositoriesParams
from jobs.runtime.job import Job
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS, NOTEBOOKS, REPOSITORY_CONTEXTS
from schemas.decide import KEPT
from schemas.lake import Lake
from schemas.table import Table
from tests.table_rows import empty_row, put_rows
from udfs.notebooks import LAYOUT

CASES = {
    "file": (documents.JOB, DOCUMENTS, "file", "a.py", "file/1"),
    "page": (documents.JOB, DOCUMENTS, "page", "", "page/1"),
    "notebook": (notebooks.JOB, NOTEBOOKS, "file", "A.IPYNB", LAYOUT),
    "commit": (commits.JOB, COMMIT_CONTEXTS, "commit", "", CommitsParams().layout),
    "repository": (repositories.JOB, REPOSITORY_CONTEXTS, "repository", "", RepositoriesParams().layout),
}


@pytest.fixture
def lake(tmp_path) -> Lake:  # type: ignore[no-untyped-def]
    found = Lake.at(str(tmp_path / "lake"))
    found.create()
    return found


@pytest.mark.parametrize(("job", "table", "kind", "path", "layout"), CASES.values(), ids=CASES)
def test_it_runs_again_where_something_is_kept_and_nothing_of_its_layout_is_there(
    lake: Lake, job: Job, table: Table, kind: str, path: str, layout: str
) -> None:
    assert job.is_changed is not None
    params = job.params()
    assert not job.is_changed(lake, params)  # nothing is kept
    kept = empty_row(KEPT) | {"policy": params.profile, "kind": kind, "path": path}
    put_rows(lake, KEPT, [kept | {"policy": "another"}])
    assert not job.is_changed(lake, params)
    put_rows(lake, KEPT, [kept])
    assert job.is_changed(lake, params)
    put_rows(lake, table, [empty_row(table) | {"layout": f"{layout}0"}])
    assert job.is_changed(lake, params)
    put_rows(lake, table, [empty_row(table) | {"layout": layout}], "append")
    assert not job.is_changed(lake, params)


def test_notebooks_alone_are_no_files_without_documents(lake: Lake) -> None:
    params = documents.DocumentsParams()
    put_rows(lake, KEPT, [empty_row(KEPT) | {"policy": params.profile, "kind": "file", "path": "a/b.ipynb"}])
    assert not documents.is_changed(lake, params)
