"""What ingest's tables are to have: the driver and Spark find the same, whatever came of the sources and whatever the lake holds."""

import json
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F

from jobs.ingest import files
from jobs.ingest.files import Found, IngestParams, Listed, Read
from jobs.ingest.listing import LISTED
from jobs.ingest.reading import ENTRIES
from jobs.runtime.job import AddFiles, Snapshot
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.sources.source import Reject, Source
from schemas.ingest import CONTENTS, FILES, FINGERPRINTS, REJECTS, REPOSITORIES
from schemas.lake import Lake

KINDS = {"one": "folder", "two": "git", "three": "archive", "table:four": "table", "table:five": "table"}
PATHS = ["a.py", "é.py", "b.py", "sub/a.py", "sub/far/b.py", "sub/far/ü.py", "z.c"]
REASONS = ["binary", "unreadable", "missing", "corrupt", "truncated"]


def an_entry(random, label):
    kind = KINDS[label]
    repository = random.choice(["one", "six", "seven"]) if kind == "table" else label
    number = random.randrange(4)
    row = dict.fromkeys(ENTRIES.names) | {"repository": repository, "origin": label, "source_kind": kind}
    if kind == "table":
        row |= {"stars": random.choice([None, 1, 5]), "licence": random.choice([None, "MIT", "BSD"])}
    if random.random() < 0.3:
        place = random.choice(["", "sub/", "sub/far/", *PATHS])
        return row | {"path": place, "reason": random.choice(REASONS), "detail": random.choice([None, "so"]), "size_bytes": 7}
    # Entries that differ in their facts alone have no order.
    facts = {"stars": number, "licence": "MIT"} if kind == "table" else {}
    content = {"content_sha256": f"{number}" * 64, "raw_sha256": f"{number}" * 64, "encoding": "utf-8", "size_bytes": number}
    return row | facts | content | {"path": random.choice(PATHS), "text_task": random.randrange(3)}


def what_is_listed(random, label):
    source = Source(KINDS[label], "" if KINDS[label] == "table" else label, f"/somewhere/{label.rpartition(':')[2]}")
    if KINDS[label] != "table":
        facts = {"stars": random.choice([None, 3]), "forks": 1, "commits": None, "maintained_days": None, "licence": None}
        yield {"source": source.to_json(), "facts": json.dumps(facts | {"commit": random.choice([None, "c1", "c2"])}), "history": None}
    if random.random() < 0.3:
        refused = {"reason": "unreadable", "detail": "no", "locator": random.choice(["", "sub/"]), "reject_source": label}
        yield {"source": source.to_json(), "origin": label, "size_bytes": None} | refused


def found_in(staging, entries, listed, labels, rejects):
    for folder, rows, schema in (("listed", listed, LISTED), ("entries", entries, ENTRIES)):
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), f"{staging.folder(folder)}/0.parquet")
    has_tables = any(KINDS.get(label) == "table" for label in labels)
    return Found(Listed(["listed/0.parquet"], 1, 1), Read(["entries/0.parquet"], []), rejects, labels, has_tables)


def state(tables):
    return {table.name: sorted(map(repr, tables.lake.read(table).to_pylist())) for table in (REPOSITORIES, FILES, REJECTS)}


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_the_driver_and_spark_find_the_same_rows_in_each_others_tables_too(spark, tmp_path, seed):
    random, ways = Random(seed), [files.by_driver, files.by_spark]
    lakes = [Lake.at(str(tmp_path / name)) for name in ("driver", "spark", "mixed")]
    for lake in lakes:
        lake.create()
    for turn in range(3):
        labels = random.sample(list(KINDS), random.randrange(1, 5))
        entries = [an_entry(random, random.choice(labels)) for _ in range(random.randrange(12))]
        listed = [row for label in labels for row in what_is_listed(random, label)]
        rejects = [Reject("manifest:m", f"line-{n}", "bad_row", "none") for n in range(random.randrange(2))]
        found = []
        for lake, way in zip(lakes, [*ways, ways[(turn + 1) % 2]], strict=True):
            tables = Tables(spark, lake)
            with Staging(lake, "test") as staging:
                given = found_in(staging, entries, listed, [*labels, "manifest:m"] if rejects else labels, rejects)
                again = applied(tables, way(tables, given, staging))
            found.append((state(tables), again, tables.account))
        assert found[0] == found[1] == found[2]


def applied(tables, writes):
    """Commits them, but no texts; what the generator returns."""
    while True:
        try:
            write = next(writes)
        except StopIteration as end:
            return end.value
        if not isinstance(write, AddFiles):
            tables.apply(write)


def test_rows_beyond_the_limit_are_compared_by_spark(tables, tmp_path, monkeypatch):
    taken = []

    def noted(way):
        def writes(*arguments):
            taken.append(way.__name__)
            return (yield from way(*arguments))

        return writes

    for way in (files.by_driver, files.by_spark):
        monkeypatch.setattr(files, way.__name__, noted(way))
    for number in range(2):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "a.py").write_text("a = 1\n")
        for write in files.transform(tables, IngestParams((str(tmp_path / f"{number}"),), most_rows_in_memory=1)):
            tables.apply(write)
    assert taken == ["by_driver", "by_spark"]
    assert len(tables.lake.read(FILES)) == 2 and len(tables.lake.read(CONTENTS)) == 1 and len(tables.lake.read(FINGERPRINTS)) == 2


def test_delta_itself_refuses_a_null_in_a_table_that_the_driver_made(tables, tmp_path, monkeypatch):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.py").write_text("a = 1\n")
    for write in files.transform(tables, IngestParams((str(tmp_path / "source"),))):
        tables.apply(write)
    monkeypatch.setattr("jobs.runtime.arrow_writes.SMALL_BYTES", -1)  # so that Delta merges
    spoiled = tables[FILES].withColumn("origin", F.lit(None).cast("string"))
    with pytest.raises(Exception, match=r"DELTA_NOT_NULL_CONSTRAINT_VIOLATED.*origin"):
        tables.apply(Snapshot(FILES, spoiled, None))
    assert len(tables.lake.read(FILES)) == 1
