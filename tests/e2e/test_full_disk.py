"""A disk that fills up: one clear error, nothing half-written, and the run goes on when there is room."""

import random
import subprocess

import pytest

from jobs.cli import main
from schemas.ingest import CONTENTS, FILES
from tests.disks import small_disk_at
from tests.e2e.lakes import content, rows


@pytest.fixture
def small_disk(tmp_path):
    """A folder that is a disk of 8 MB."""
    yield from small_disk_at(tmp_path / "disk", "8m")


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_when_there_is_room(spark, small_disk, tmp_path, capsys):
    source = tmp_path / "source"
    source.mkdir()
    draw = random.Random(8)
    for number in range(24):  # 24 MB that do not compress
        (source / f"{number}.txt").write_text(draw.randbytes(500_000).hex())
    ingest = ["ingest", "--source", str(source), "--quiet", "--lake"]
    assert main([*ingest, str(small_disk / "lake")]) == 1
    said = capsys.readouterr().err
    assert "ingest.files failed: no space left on a disk. " in said and f"the lake {small_disk / 'lake'} has" in said
    assert rows(small_disk / "lake", CONTENTS) == [] == rows(small_disk / "lake", FILES)
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    assert main([*ingest, str(small_disk / "lake")]) == 0
    assert main([*ingest, str(tmp_path / "undisturbed")]) == 0
    assert content(small_disk / "lake") == content(tmp_path / "undisturbed")
