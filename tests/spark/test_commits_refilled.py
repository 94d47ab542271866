"""What is missing from a table of commits is filled again, whatever the bookkeeping says; what belongs to no history goes."""

import shutil
from itertools import islice
from pathlib import Path

from delta.tables import DeltaTable

from jobs.assemble.commits import CommitsParams as DocumentParams
from jobs.ingest import commits, files
from jobs.ingest.commits import CommitsParams
from jobs.ingest.files import IngestParams
from jobs.runtime.job import Account
from schemas.assemble import DOCUMENTS
from schemas.ingest import COMMITS
from tests.git_history import History
from tests.job_runs import run_job
from tests.spark.test_commit_documents import documents, keep
from tests.spark.test_commits import ingest, read_without_spark, rows


def history_of(tmp_path: Path, commits: int) -> History:
    found = History(tmp_path / "repository")
    for number in range(commits):
        found.commit(f"Read the options of number {number}", {"a.py": f"x = {number}\n", f"b{number}.py": "y = 1\n"})
    return found


def test_commits_and_documents_that_are_missing_are_made_again(tables, tmp_path):
    repository = history_of(tmp_path, 4)
    ingest(tables, repository)
    ids = repository.git("rev-list", "HEAD").split()
    expected = read_without_spark(repository, tmp_path)
    remove(tables, COMMITS, f"`commit` = '{ids[2]}'")
    ingest(tables, repository)
    assert rows(tables) == expected
    shutil.rmtree(Path(tables.lake.root) / COMMITS.name)
    ingest(tables, repository)
    assert rows(tables) == expected
    keep(tables, ids)
    made = documents(tables)
    remove(tables, DOCUMENTS, f"candidate like '%{ids[1]}'")
    assert documents(tables) == made and len(made[1]) == 4
    assert tables[DOCUMENTS].where(f"layout = '{DocumentParams().layout}'").count() == 4


def remove(tables, table, where):
    DeltaTable.forPath(tables.spark, tables.lake.spark_path(table.name)).delete(where)


def test_a_run_that_ended_and_a_branch_that_went_back_leave_the_commits_of_the_branch(tables, tmp_path):
    """Once to another commit in place of the newest, once to a further one: the tables are as if nothing had happened."""
    repository = history_of(tmp_path, 3)
    ingest(tables, repository)
    expected, newest = rows(tables), repository.git("rev-parse", "HEAD")
    for back in (1, 0):
        repository.git("reset", "-q", "--hard", f"{newest}~{back}")
        repository.commit("Read them in another way", {"a.py": f"x = {back + 70}\n"})
        run_job(tables, files, IngestParams((f"git:{repository.path}",)))
        for write in islice(commits.transform(tables, CommitsParams()), 2 if back else 1):
            tables.apply(write)
            assert write.table == COMMITS
        repository.git("reset", "-q", "--hard", newest)
        ingest(tables, repository)
        assert rows(tables) == expected


def test_commits_of_a_blob_that_is_not_there_are_tried_again_and_no_others_for_them(tables, tmp_path):
    """A history that a partial clone has, then with a commit more, then whole."""
    repository = history_of(tmp_path, 4)
    objects, lost = repository.path / ".git" / "objects", repository.git("rev-parse", "HEAD~2:a.py")
    blob = objects / lost[:2] / lost[2:]
    aside = blob.rename(tmp_path / "blob")
    ids = repository.git("rev-list", "HEAD").split()
    ingest(tables, repository)
    assert {one for one, row in rows(tables).items() if row["flaw"] == "unreadable"} == {ids[1], ids[2]}
    repository.commit("Read the options of another kind", {"a.py": "x = 70\n"})
    tables.account = Account()
    ingest(tables, repository)
    assert (len(rows(tables)), tables.account.read_rows, tables.account.rejected) == (5, 3, {"unreadable": 2})
    aside.rename(blob)
    repository.commit("Read no options any more", {"a.py": "x = 71\n"})
    tables.account = Account()
    ingest(tables, repository)
    assert rows(tables) == read_without_spark(repository, tmp_path) and tables.account.read_rows == 3
