"""Where a scorer may be written: nobody's files are deleted that are not a scorer's."""

import os
from pathlib import Path

import pytest

from gpu_scoring.out_folder import OutFolderError, check_out
from jobs.cli import main
from udfs.folders import replaced


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def filled(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_a_folder_that_holds_no_scorer_is_refused_before_anything_is_read(tmp_path: Path, capsys) -> None:
    thesis = filled(tmp_path / "thesis", "chapter.tex", "data.csv")
    before = tree(tmp_path)
    assert main(["train-scorer", "--lake", str(tmp_path / "no lake"), "--out", str(thesis)]) == 2
    said = capsys.readouterr().err
    assert "chapter.tex, data.csv" in said and "would be deleted" in said and "nothing was written" in said
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("names", "is_refused"),
    [
        ((), False),
        (("scorer.json", "config.json", "model.safetensors", "tokenizer.json", "README.md", "calibration.png"), False),
        (("scorer.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"), False),
        (("scorer.json", "config.json", "notes.txt"), True),
        (("config.json", "model.safetensors", "tokenizer.json"), True),
    ],
)
def test_only_nothing_and_a_scorer_may_be_replaced(tmp_path: Path, names: tuple[str, ...], is_refused: bool) -> None:
    out = filled(tmp_path / "out", *names)
    if is_refused:
        with pytest.raises(OutFolderError, match="would be deleted"):
            check_out(out)
    else:
        check_out(out)
    check_out(tmp_path / "new")


def test_the_folder_where_one_stands_and_those_above_it_are_refused(tmp_path: Path, monkeypatch) -> None:
    inner = filled(tmp_path / "a" / "b")
    monkeypatch.chdir(inner)
    for name in (".", "..", "", str(inner), os.path.join("..", "b")):
        with pytest.raises(OutFolderError, match="where you stand"):
            check_out(Path(name))
    check_out(Path("scorer"))


def test_a_file_and_the_checkpoint_that_training_starts_from_are_refused(tmp_path: Path) -> None:
    scorer = filled(tmp_path / "scorer", "scorer.json", "config.json")
    (tmp_path / "link").symlink_to(scorer)
    for checkpoint in (scorer, tmp_path / "link", scorer / "."):
        with pytest.raises(OutFolderError, match="which training starts from"):
            check_out(scorer, str(checkpoint))
    check_out(tmp_path / "other", str(scorer))
    with pytest.raises(OutFolderError, match="is a file"):
        check_out(scorer / "config.json")


def test_a_folder_is_replaced_whole_and_the_backups_beside_it_stay(tmp_path: Path) -> None:
    mine = [filled(tmp_path / name, "mine") for name in ("scorer", "scorer.old", "scorer.new")]
    with replaced(mine[0]) as written:
        filled(written, "theirs")
        assert tree(mine[0]) == {"mine": b"mine"}
    assert tree(tmp_path) == {"scorer/theirs": b"theirs", "scorer.old/mine": b"mine", "scorer.new/mine": b"mine"}


def test_what_is_written_in_vain_takes_no_place(tmp_path: Path) -> None:
    folder = filled(tmp_path / "scorer", "mine")
    with pytest.raises(OSError, match="full"), replaced(folder) as written:
        filled(written, "half")
        raise OSError("the disk is full")
    assert tree(folder) == {"mine": b"mine"}


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path, monkeypatch) -> None:
    folder = filled(tmp_path / "scorer", "mine")
    rename = Path.rename

    def killed(path: Path, target: Path) -> Path:
        if path != folder:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", killed)
        with replaced(folder) as written:
            filled(written, "theirs")
    assert not folder.exists()
    with pytest.raises(ValueError, match="no"), replaced(folder):
        raise ValueError("no")
    assert tree(folder) == {"mine": b"mine"}
