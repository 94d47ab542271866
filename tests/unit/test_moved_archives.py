"""An archive of another day has the name of yesterday's: the pages of yesterday are not replaced without a word."""

import pytest

from jobs.ingest.fingerprints import Known
from jobs.ingest.pages import PagesParams, named_archives
from jobs.runtime.errors import UsageError
from schemas.ingest import PAGES
from schemas.lake import Lake
from tests.table_rows import empty_row, put_rows


def test_an_archive_at_another_place_is_refused_unless_a_name_or_the_user_says_that_it_is_the_same(tmp_path):
    days = []
    for day in ("monday", "tuesday"):
        (tmp_path / day).mkdir()
        days.append(tmp_path / day / "crawl.warc.gz")
        days[-1].write_bytes(b"x")
    monday, tuesday = map(str, days)
    lake = Lake.at(str(tmp_path / "lake"))
    put_rows(lake, PAGES, [empty_row(PAGES) | {"archive": "warc:crawl.warc.gz"}])
    known = {"warc:crawl.warc.gz": Known("f", monday), "warc:mine": Known("", monday)}
    for given in (tuesday, str(tmp_path / "tuesday")):
        with pytest.raises(UsageError) as raised:
            named_archives(PagesParams((given,)), known, lake)
        assert f"crawl.warc.gz was read from {monday}, and {tuesday} has the same name" in str(raised.value)
        assert "--archive NAME=" in str(raised.value) and "--set ingest.pages.moved=true" in str(raised.value)
    (found,) = named_archives(PagesParams((tuesday,), moved=True), known, lake)
    assert found.address == tuesday
    for given in (monday, f"{tmp_path}/tuesday/../monday/crawl.warc.gz", f"mine={tuesday}", f"tuesday={tuesday}"):
        assert len(named_archives(PagesParams((given,)), known, lake)) == 1


def test_an_archive_that_could_never_be_read_keeps_its_name_from_nobody(tmp_path):
    lake, archive = Lake.at(str(tmp_path / "lake")), tmp_path / "crawl.warc.gz"
    archive.write_bytes(b"x")
    put_rows(lake, PAGES, [empty_row(PAGES) | {"archive": "warc:other.warc.gz"}])
    (found,) = named_archives(PagesParams((str(archive),)), {"warc:crawl.warc.gz": Known("", "/mistyped/crawl.warc.gz")}, lake)
    assert found.address == str(archive)
