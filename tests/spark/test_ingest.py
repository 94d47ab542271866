"""Ingest beside another run, and from sources that go away while they are read."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from jobs.ingest import files, texts
from jobs.ingest.files import IngestParams
from jobs.ingest.listing import UNREADABLE
from jobs.runtime.job import AddFiles
from jobs.runtime.staging import LEFTOVER_DAYS
from schemas.ingest import CONTENTS, FILES, FINGERPRINTS, REJECTS
from tests.ingest_ways import read_otherwise, way  # noqa: F401
from tests.job_runs import run_job

pytestmark = pytest.mark.usefixtures("way")


def ingest(tables, source):
    run_job(tables, files, IngestParams((str(source),)))
    return {row.path: row.content_sha256 for row in tables[FILES].collect()}


def test_a_source_that_goes_away_while_it_is_read_loses_nothing(tables, tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("a.py", "b.py"):
        (source / name).write_text(f"name = '{name}'\n")
    first = ingest(tables, source)
    (source / "a.py").write_text("name = 'changed'\n")

    def half(row):
        """As if the source went away after a.py."""
        return [row | {"path": "", "reason": UNREADABLE, "detail": "gone", "content_sha256": None} if row["path"] == "b.py" else row]

    with monkeypatch.context() as patched:
        patched.setattr(files, "read_listed", read_otherwise(half))
        found = ingest(tables, source)
    assert found["b.py"] == first["b.py"] and found["a.py"] != first["a.py"]
    assert [row.reason for row in tables[REJECTS].collect()] == [UNREADABLE]
    before = tables[FINGERPRINTS].collect()
    assert ingest(tables, source) == found
    assert tables[REJECTS].isEmpty() and tables[FINGERPRINTS].collect() != before


def test_a_table_that_cannot_be_read_to_its_end_removes_nothing_of_its_repositories(tables, tmp_path, monkeypatch):
    source = tmp_path / "table.jsonl"
    lines = [json.dumps({"text": f"value = {number}\n", "path": f"{number}.py", "repository": "theirs"}) + "\n" for number in range(4)]
    named = f"table:{source}?text=text&path=path&repository=repository"
    source.write_text("".join(lines))
    first = ingest(tables, named)
    assert sorted(first) == ["0.py", "1.py", "2.py", "3.py"]
    source.write_text("".join([lines[0], lines[3].replace("value", "other"), *lines[1:3]]))

    def half(row):
        """As if the table went away after its second line."""
        lost = row | {"path": "", "reason": UNREADABLE, "detail": "gone", "content_sha256": None, "repository": row["origin"]}
        return {"1.py": [lost], "2.py": []}.get(row["path"], [row])

    with monkeypatch.context() as patched:
        patched.setattr(files, "read_listed", read_otherwise(half))
        found = ingest(tables, named)
    assert found == first | {"3.py": found["3.py"]} != first
    assert ingest(tables, named) == found
    assert tables[REJECTS].isEmpty()


def folder_of(path, **texts):
    path.mkdir(exist_ok=True)
    for name, text in texts.items():
        (path / f"{name}.py").write_text(text)
    return path


def committed(tables):
    """Keys of ingest/contents as rows, and the Parquet files in its folder that no version names."""
    keys = [row.content_sha256 for row in tables[CONTENTS].collect()]
    there = {name for name in os.listdir(tables.lake.path(CONTENTS.name)) if name.endswith(".parquet")}
    return keys, there - set(tables.lake.file_names(CONTENTS))


def test_a_text_that_is_empty_is_a_content_too(tables, tmp_path):
    found = ingest(tables, folder_of(tmp_path / "source", empty=""))
    assert committed(tables)[0] == [found["empty.py"]]


def test_a_run_that_another_one_overtakes_doubles_no_text_and_leaves_no_file_behind(tables, tmp_path):
    first, second = folder_of(tmp_path / "first", a="a = 1", b="b = 1"), folder_of(tmp_path / "second", a="a = 1", c="c = 1")
    writes = files.transform(tables, IngestParams((str(first),)))
    contents = next(writes)
    choose = contents.choose
    overtaken = []

    def choose_and_be_overtaken(version):
        chosen = choose(version)
        if not overtaken:
            overtaken.append(version)
            ingest(tables, second)
        return chosen

    tables.apply(AddFiles(CONTENTS, choose_and_be_overtaken))
    for write in writes:
        tables.apply(write)
    keys, left = committed(tables)
    assert sorted(keys) == sorted({row.content_sha256 for row in tables[FILES].collect()})
    assert (len(keys), left) == (3, set())


def test_what_a_killed_run_wrote_goes_after_a_while(tables, tmp_path):
    ingest(tables, folder_of(tmp_path / "source", a="a = 1"))
    keys, _ = committed(tables)
    left = tables.lake.path(f"{CONTENTS.name}/killed.parquet")
    with open(left, "wb") as file:
        file.write(b"half of a fi")
    texts.remove_leftovers(tables.lake, datetime.now(UTC) + timedelta(days=LEFTOVER_DAYS - 1))
    assert os.path.exists(left)
    texts.remove_leftovers(tables.lake, datetime.now(UTC) + timedelta(days=LEFTOVER_DAYS + 1))
    assert committed(tables) == (keys, set())
