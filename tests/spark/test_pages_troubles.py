"""Web archives that go away, runs that end in the middle, pages that take too much: the job loses and doubles nothing."""

from collections import Counter
from pathlib import Path

import pytest

from jobs.ingest import pages
from jobs.ingest.pages import PagesParams
from jobs.sources import warc
from schemas.ingest import CONTENTS, FINGERPRINTS, PAGES, REJECTS
from tests.web_archives import by_record, http, page, record

TABLES = (CONTENTS, PAGES, REJECTS, FINGERPRINTS)


def rec(name, body):
    return record(f"http://a.example/{name}", http(body))


def ingest(tables, path, most_writes=100, **params):
    """Ends after so many commits, as a run that is killed there."""
    for number, write in enumerate(pages.transform(tables, PagesParams((str(path),), **params))):
        if number == most_writes:
            return
        tables.apply(write)


def held(tables):
    return {table.name: sorted(map(str, (row.asDict() for row in tables[table].collect()))) for table in TABLES}


def test_a_run_that_ends_after_any_commit_is_finished_by_the_next(tables, tmp_path):
    path = tmp_path / "one.warc.gz"
    for turn, most_writes in enumerate(range(4)):
        names = [f"{turn} {number}" for number in range(6)]
        path.write_bytes(by_record([rec(name, page(name)) for name in names] + [rec("gone", b"")]))
        ingest(tables, path, most_writes)
        assert pages.is_changed(tables.lake, PagesParams((str(path),)))
        ingest(tables, path)
        found = held(tables)
        assert {row.title for row in tables[PAGES].collect()} == set(names)
        assert [row.reason for row in tables[REJECTS].collect()] == ["empty_body"]
        ingest(tables, path)
        assert held(tables) == found and not pages.is_changed(tables.lake, PagesParams((str(path),)))
    keys = [row.content_sha256 for row in tables[CONTENTS].collect()]
    assert len(keys) == len(set(keys)) == 24


def test_an_archive_that_goes_away_before_it_is_read_loses_nothing_that_the_lake_holds(tables, tmp_path, monkeypatch):
    path = tmp_path / "one.warc.gz"
    path.write_bytes(by_record([rec("old", page("old"))]))
    ingest(tables, path)
    newer = by_record([rec("new", page("new"))])
    path.write_bytes(newer)

    def ranges(address, range_bytes):
        found = warc.ranges(address, range_bytes)
        Path(address).unlink()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(pages, "ranges", ranges)
        ingest(tables, path)
    assert [row.title for row in tables[PAGES].collect()] == ["old"]
    assert [(row.source, row.reason) for row in tables[REJECTS].collect()] == [("warc:one.warc.gz", "unreadable")]
    path.write_bytes(newer)
    ingest(tables, path)
    assert [row.title for row in tables[PAGES].collect()] == ["new"] and tables[REJECTS].isEmpty()


@pytest.mark.parametrize(
    ("deadline_s", "reasons"), [(30.0, {"too_deep": 1, "too_many_nodes": 1}), (0.2, {"too_slow": 1, "too_deep": 1, "too_many_nodes": 1})]
)
def test_pages_that_take_too_much_are_rejects_and_their_neighbours_are_pages(tables, tmp_path, deadline_s, reasons):
    large = b"<html><body>" + b"<p>a<i>b</i>" * 1_300_000
    large += b" word" * ((50_000_000 - len(large)) // 5)  # 50 MB, 3.9 million tags
    hostile = {"deep": b"<html>" + b"<div>" * 100_000 + b"x", "nodes": b"<html>" + b"<b>" * 4_100_000, "large": large}
    path = tmp_path / "one.warc.gz"
    path.write_bytes(by_record([rec("first", page("first")), *(rec(*one) for one in hostile.items()), rec("last", page("last"))]))
    ingest(tables, path, deadline_s=deadline_s, max_content_bytes=1 << 26)
    assert Counter(row.reason for row in tables[REJECTS].collect()) == reasons
    assert {"first", "last"} <= {row.title for row in tables[PAGES].collect()}
    assert tables[PAGES].count() + sum(reasons.values()) == 5
