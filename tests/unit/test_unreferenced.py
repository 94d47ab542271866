"""What `codemill vacuum` takes for a leftover of a table."""

import os
from pathlib import Path

from jobs.commands.vacuum import unreferenced
from schemas.lake import Lake
from schemas.ledger import LEDGER
from tests.table_rows import put_rows


def test_what_killed_tasks_wrote_whole_or_in_part_is_a_leftover_when_it_is_old(tmp_path: Path) -> None:
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    put_rows(lake, LEDGER, [])
    folder = Path(lake.path(LEDGER.name))
    left = ("part.parquet", "part.parquet.0f3a.tmp")
    for name in (*left, "notes.txt"):
        (folder / name).write_bytes(b"x")
    assert unreferenced(lake, LEDGER, hours=1) == []
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    assert sorted(unreferenced(lake, LEDGER, hours=1)) == sorted(left)
