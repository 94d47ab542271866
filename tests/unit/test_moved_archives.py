"""An archive of another day has the name of yesterday's: the pages of yesterday are not replaced without a word."""

import pytest

from jobs.ingest.fingerprints import Known
from jobs.ingest.pages import PagesParams, named_archives
from jobs.runtime.errors import UsageError


def test_an_archive_at_another_place_is_refused_unless_a_name_or_the_user_says_that_it_is_the_same(tmp_path):
    days = []
    for day in ("monday", "tuesday"):
        (tmp_path / day).mkdir()
        days.append(tmp_path / day / "crawl.warc.gz")
        days[-1].write_bytes(b"x")
    monday, tuesday = map(str, days)
    known = {"warc:crawl.warc.gz": Known("f", monday), "warc:mine": Known("", monday)}
    for given in (tuesday, str(tmp_path / "tuesday")):
        with pytest.raises(UsageError) as raised:
            named_archives(PagesParams((given,)), known)
        assert f"crawl.warc.gz was read from {monday}, and {tuesday} has the same name" in str(raised.value)
        assert "--archive NAME=" in str(raised.value) and "--set ingest.pages.moved=true" in str(raised.value)
    (found,) = named_archives(PagesParams((tuesday,), moved=True), known)
    assert found.address == tuesday
    for given in (monday, f"{tmp_path}/tuesday/../monday/crawl.warc.gz", f"mine={tuesday}", f"tuesday={tuesday}"):
        assert len(named_archives(PagesParams((given,)), known)) == 1
