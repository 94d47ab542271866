"""What ingest remembers of its sources."""

from pathlib import Path
from typing import Any, cast

from jobs.ingest.fingerprints import Known, beginning, known_sources, written
from jobs.runtime.tables import Tables
from schemas.lake import Lake


def test_a_source_is_remembered_until_it_is_begun_again_and_none_is_no_commit(tmp_path: Path) -> None:
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    tables = Tables(cast(Any, None), lake)
    assert tables.apply(written([])).rows == 0
    assert list(beginning({}, ["a"])) == []
    tables.apply(written([("a", "1", "/a"), ("b", "2", "/b")]))
    known = known_sources(lake, (), lambda label: True)
    assert known == {"a": Known("1", "/a"), "b": Known("2", "/b")}
    for write in beginning(known, ["a", "new"]):
        tables.apply(write)
    assert known_sources(lake, (), lambda label: True) == {"a": Known("", "/a"), "b": Known("2", "/b")}
