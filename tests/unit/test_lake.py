"""Making a lake: what a killed run left is no obstacle, and what cannot be reached is told."""

from pathlib import Path

import pytest

from schemas.lake import MARKER, Lake, LakeError


def test_an_empty_mark_of_a_killed_run_is_written_again(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    lake = Lake.at(str(tmp_path))
    lake.create()
    lake.check_format()


def test_an_empty_mark_beside_other_files_makes_no_lake_of_them(tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(LakeError, match=r"holds thesis\.txt"):
        Lake.at(str(tmp_path)).create()


def test_a_place_where_no_folder_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LakeError, match="cannot be made or reached"):
        Lake.at(str(tmp_path / "file" / "lake")).create()
