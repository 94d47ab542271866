"""A disk that is full says nothing of a history: it is an error, and no row with a reason."""

import errno
import random
import tempfile

import pytest

from jobs import sources
from jobs.annotate.commit_facts import facts
from jobs.ingest.commits import ranges
from schemas.lake import Lake
from tests.disks import small_disk_at
from tests.git_history import History


@pytest.fixture
def small_disk(tmp_path):
    """A folder that is a disk of 256 KB."""
    yield from small_disk_at(tmp_path / "disk", "256k")


@pytest.mark.parametrize("free_kilobytes", [0, 100])
def test_a_full_disk_stops_what_reads_a_history(small_disk, tmp_path, monkeypatch, free_kilobytes):
    repository = History(tmp_path / "repository")
    for number in range(2):
        repository.commit(f"Commit {number}", {"a.bin": random.Random(number).randbytes(300_000)})
    tip = repository.git("rev-parse", "HEAD")
    lake = Lake(str(tmp_path / "lake"))
    bundle = f"{tip}.bundle"
    assert sources.keep_history(sources.parse_source(f"git:{repository.path}"), tmp_path / "lake" / bundle)
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    if not free_kilobytes:
        fill(small_disk)
    with pytest.raises(OSError) as caught:
        list(ranges(lake, {"repository": "r", "history": bundle, "commit": tip, "since": None, "unread": None}, 10))
    assert caught.value.errno == errno.ENOSPC
    row = {"repository": "r", "history": bundle, "commit": tip, "version": "1", "parents": [], "is_bot": False, "message": ""}
    with pytest.raises(OSError) as caught:
        facts(lake, [row | {"changes": [], "change_count": 0, "flaw": None}], 1 << 20)
    assert caught.value.errno == errno.ENOSPC


def fill(folder):
    with pytest.raises(OSError, match="No space"), (folder / "all").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))
