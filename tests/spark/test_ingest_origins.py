"""Which source a row came from: repositories that several sources hold, sources that change, end early, move or lose their tables."""

import gzip
import json
import shutil
import subprocess

import pytest

from jobs.ingest import files
from jobs.ingest.files import IngestParams
from jobs.runtime.errors import UsageError
from schemas.ingest import CONTENTS, FILES, FINGERPRINTS, REJECTS, REPOSITORIES
from tests.ingest_ways import read_otherwise, way  # noqa: F401

pytestmark = pytest.mark.usefixtures("way")

GIT = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]


def ingest(tables, *sources, most_writes=100, **params):
    """Ends after so many commits, as a run that is killed there."""
    tables.account.rejected.clear()
    for number, write in enumerate(files.transform(tables, IngestParams(tuple(map(str, sources)), **params))):
        if number == most_writes:
            return
        tables.apply(write)


def held(tables):
    """{(repository, path): origin}; counts of the repositories close."""
    rows, rejects = tables[FILES].collect(), tables[REJECTS].collect()
    repositories = {row.repository: row for row in tables[REPOSITORIES].collect()}
    for name, row in repositories.items():
        assert row.file_count == sum(file.repository == name for file in rows), name
        assert row.size_bytes == sum(file.size_bytes for file in rows if file.repository == name), name
        assert row.reject_count == sum(reject.source == name for reject in rejects), name
    assert {row.repository for row in rows} <= set(repositories)
    return {(row.repository, row.path): row.origin for row in rows}


def remove(tables, table):
    """As a person does between two runs."""
    shutil.rmtree(tables.lake.path(table.name))
    tables.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


def table_of(path, **repositories):
    """A table of JSON Lines: files of each repository; one that begins with `binary` is none."""
    rows = [
        {"text": "\0" if name.startswith("binary") else f"{path.name} {name}\n", "path": f"{name}.py", "repository": repository, "stars": 5}
        for repository, names in repositories.items()
        for name in names
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"table:{path}?path=path&repository=repository&stars=stars"


def test_a_repository_that_is_spread_over_several_tables_keeps_what_each_of_them_holds(tables, tmp_path):
    one = table_of(tmp_path / "one.jsonl", shared=["a", "both", "binary_1"], first=["x"])
    ingest(tables, one)
    two = table_of(tmp_path / "two.jsonl", shared=["b", "both", "binary_2"])
    ingest(tables, two)  # whether the first one is named again says nothing of its files
    first, second = "table:one.jsonl", "table:two.jsonl"
    whole = {("shared", "a.py"): first, ("shared", "b.py"): second, ("shared", "both.py"): second, ("first", "x.py"): first}
    assert held(tables) == whole
    assert {(row.locator, row.origin) for row in tables[REJECTS].collect()} == {("binary_1.py", first), ("binary_2.py", second)}
    ingest(tables, one, two)
    assert held(tables) == whole
    table_of(tmp_path / "two.jsonl", other=["c"])
    ingest(tables, one, two)
    assert held(tables) == {("shared", "a.py"): first, ("first", "x.py"): first, ("other", "c.py"): second}
    assert [row.locator for row in tables[REJECTS].collect()] == ["binary_1.py"]
    table_of(tmp_path / "one.jsonl", first=["x"])
    ingest(tables, one, two)
    assert {row.repository: row.stars for row in tables[REPOSITORIES].collect()} == {"first": 5, "other": 5}


def test_a_folder_and_a_table_that_share_a_repository_leave_each_other_alone(tables, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "own.py").write_text("own = 1\n")
    ingest(tables, f"shared={folder}")
    ingest(tables, table_of(tmp_path / "one.jsonl", shared=["a"]))
    assert held(tables) == {("shared", "own.py"): "shared", ("shared", "a.py"): "table:one.jsonl"}
    (found,) = tables[REPOSITORIES].collect()
    assert (found.source_kind, found.stars, found.file_count) == ("folder", 5, 2)
    (folder / "own.py").unlink()
    ingest(tables, f"shared={folder}")
    assert held(tables) == {("shared", "a.py"): "table:one.jsonl"}
    (found,) = tables[REPOSITORIES].collect()
    assert (found.source_kind, found.stars, found.file_count) == ("folder", 5, 1)


@pytest.mark.parametrize("table", [FILES, CONTENTS], ids=lambda table: table.name)
def test_a_table_that_was_removed_is_filled_again_from_all_sources(tables, tmp_path, table):
    sources = [table_of(tmp_path / f"{name}.jsonl", **{name: ["a"]}) for name in ("one", "two")]
    ingest(tables, *sources)
    whole, keys = held(tables), sorted(row.content_sha256 for row in tables[CONTENTS].collect())
    remove(tables, table)
    assert files.is_changed(tables.lake, IngestParams((sources[0],)))
    ingest(tables, sources[0])
    ingest(tables, *sources)  # the second was not named by the run that made the table anew
    assert held(tables) == whole and sorted(row.content_sha256 for row in tables[CONTENTS].collect()) == keys


def commit(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    for command in (["add", "-A"], ["commit", "-qm", "more"]):
        subprocess.run([*GIT, *command], cwd=folder, check=True)


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    subprocess.run([*GIT, "init", "-q", "-b", "main"], cwd=folder, check=True)
    commit(folder, a="a = 1\n")
    return folder


def test_a_ref_that_goes_back_after_a_killed_run_is_read_again(tables, repository):
    ingest(tables, repository)
    commit(repository, b="b = 1\n")
    ingest(tables, repository, most_writes=4)  # its files are in the lake, its fingerprint is not
    assert len(tables[FILES].collect()) == 2
    subprocess.run([*GIT, "reset", "-q", "--hard", "HEAD~1"], cwd=repository, check=True)
    assert files.is_changed(tables.lake, IngestParams((str(repository),)))
    ingest(tables, repository)
    assert held(tables) == {("git:repository", "a.py"): "git:repository"}
    assert not files.is_changed(tables.lake, IngestParams((str(repository),)))


def test_what_lies_behind_a_broken_tree_stays_until_the_tree_is_mended(tables, repository):
    (repository / "z").mkdir()
    commit(repository, b="b = 1\n", **{"z/far": "far = 1\n"})
    ingest(tables, repository)
    before = held(tables)
    commit(repository, b="b = 2\n", **{"z/near": "near = 1\n"})
    tree = subprocess.run(["git", "rev-parse", "HEAD:z"], cwd=repository, check=True, capture_output=True, text=True).stdout.strip()
    lost = repository / ".git" / "objects" / tree[:2] / tree[2:]
    content = lost.read_bytes()
    lost.unlink()
    ingest(tables, repository)
    assert held(tables) == before
    assert ("", "corrupt") in {(row.locator, row.reason) for row in tables[REJECTS].collect()}
    lost.write_bytes(content)
    ingest(tables, repository)
    assert set(held(tables)) == set(before) | {("git:repository", "z/near.py")} and tables[REJECTS].isEmpty()


def test_what_a_table_that_was_cut_off_held_stays(tables, tmp_path):
    path = tmp_path / "one.jsonl.gz"
    lines = [
        json.dumps({"text": f"{number} " * 1000, "path": f"{number}.py", "repository": f"r{number % 2}"}) + "\n" for number in range(9)
    ]
    path.write_bytes(gzip.compress("".join(lines).encode()))
    named = f"table:{path}?path=path&repository=repository"
    ingest(tables, named)
    whole = held(tables)
    assert len(whole) == 9
    path.write_bytes(gzip.compress("".join(lines[:3]).encode())[:-9])
    ingest(tables, named)
    assert [row.reason for row in tables[REJECTS].collect()] == ["truncated"]
    assert held(tables) == whole
    assert not files.is_changed(tables.lake, IngestParams((named,)))  # the same bytes would give the same


def test_a_folder_that_may_not_be_listed_hides_what_is_below_it_and_nothing_else(tables, tmp_path, monkeypatch):
    for name in ("sub/b.py", "a.py", "gone.py"):
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text(f"name = '{name}'\n")
    ingest(tables, tmp_path / "source")
    (tmp_path / "source" / "gone.py").unlink()

    def without(row):
        """As if the system had refused to list the folder: whoever runs the tests may be allowed everything."""
        return [row | {"path": "sub/", "reason": "unreadable", "content_sha256": None} if row["path"] == "sub/b.py" else row]

    monkeypatch.setattr(files, "read_listed", read_otherwise(without))
    ingest(tables, tmp_path / "source")
    assert {path for _, path in held(tables)} == {"a.py", "sub/b.py"}


def test_a_line_of_a_manifest_that_becomes_bad_or_good_is_noticed(tables, tmp_path):
    (tmp_path / "code").mkdir()
    manifest = tmp_path / "sources.jsonl"
    params = {"manifest": str(manifest)}
    good, bad = json.dumps({"path": "code"}), json.dumps({"path": "nowhere"})
    for lines, rejects in (([good], 0), ([good, bad], 1), ([good], 0)):
        manifest.write_text("\n".join(lines))
        assert files.is_changed(tables.lake, IngestParams(**params))
        ingest(tables, **params)
        assert tables[REJECTS].count() == rejects
        assert not files.is_changed(tables.lake, IngestParams(**params))


def test_another_folder_of_the_same_name_is_refused_until_it_is_called_the_same_one(tables, tmp_path):
    for place in ("a", "b"):
        (tmp_path / place / "src").mkdir(parents=True)
        (tmp_path / place / "src" / f"{place}.py").write_text(f"{place} = 1\n")
    ingest(tables, tmp_path / "a" / "src")
    with pytest.raises(UsageError, match=rf"folder:src was read from {tmp_path}/a/src.*\n.*--source NAME={tmp_path}/b/src\n.*moved=true"):
        ingest(tables, tmp_path / "b" / "src")
    assert set(held(tables)) == {("folder:src", "a.py")}
    ingest(tables, f"other={tmp_path}/b/src")
    ingest(tables, f"other={tmp_path}/a/src")  # a name that was given says that it is the same one
    assert set(held(tables)) == {("folder:src", "a.py"), ("other", "a.py")}
    ingest(tables, tmp_path / "b" / "src", moved=True)
    assert set(held(tables)) == {("folder:src", "b.py"), ("other", "a.py")}
    assert tables[FINGERPRINTS].where("source = 'folder:src'").first().location == f"{tmp_path}/b/src"


def test_a_forced_run_reads_what_has_not_changed(tables, tmp_path):
    source = table_of(tmp_path / "one.jsonl", one=["a"])
    ingest(tables, source)
    remove(tables, FILES)
    tables.apply(files.Snapshot(FILES, tables[FILES], tables.spark.createDataFrame([], "origin string")))
    ingest(tables, source)
    assert tables[FILES].isEmpty()
    tables.is_forced = True
    ingest(tables, source)
    assert len(held(tables)) == 1
