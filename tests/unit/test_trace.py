import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.cli import main
from schemas.mix import SHARD_ROW
from tests.lake_builder import LakeRows
from udfs.manifest import Manifest, Split
from udfs.shards import write_manifest, write_shard

TEXT = "# file: a.py\npass\n"
COMMIT = "git:r@" + "5" * 40


def piece(kind: str, candidate: str, text: str = "", **more: Any) -> dict[str, Any]:
    found = {"kind": kind, "candidate": candidate, "token_offset": 0, "token_count": 5, "text_bytes": 9, "is_fim": False, "epoch": 0}
    return found | {"text_hash": hashlib.sha256(text.encode()).hexdigest()[:16], "language": "none"} | more


@pytest.fixture
def lake(tmp_path: Path) -> str:
    """One sequence of a mixture with a name of its own, with a piece of every kind."""
    rows = LakeRows()
    common = {"policy": "paper", "policy_hash": "x", "size_bytes": 9, "token_estimate": 3, "split": "train"}
    rows.add("decide/kept", kind="file", candidate="c0ffee", repository="folder:a", path="x.py", language="Python", licence="MIT", **common)
    rows.add("decide/kept", kind="file", candidate="c0ffee", repository="wrong", path="y.py", **(common | {"policy": "demo"}))
    rows.add("decide/kept", kind="commit", candidate=COMMIT, repository="git:r", path="", licence="GPL-3.0", **common)
    rows.add("decide/kept", kind="repository", candidate="git:r", repository="git:r", path="", licence="GPL-3.0", **common)
    rows.add("decide/kept", kind="page", candidate="fa57", repository="docs.example.org", path="", **common)
    left = {"candidate": "left", "repository": "folder:a", "path": "old.py", "language": "C", "licence": "MIT"}
    rows.add("decide/dropped", kind="file", **left, **common, reasons=["generated"])
    flags = {"is_bot": False, "parents": [], "changes": [], "change_count": 1, "author_hash": "0"}
    rows.add("ingest/commits", repository="git:r", commit="5" * 40, message="Say more\x1b[31m\nand why", author_time=17, **flags)
    page = {"record": "record-1", "archive": "a", "offset_bytes": 0, "url": "https://docs.example.org/loops", "host": "docs.example.org"}
    page |= {
        "media_type": "text/html",
        "charset": "utf-8",
        "html_bytes": 1,
        "is_truncated": False,
        "content_sha256": "fa57",
        "extractor": "1",
        "title": "Loops",
    }
    counts = {"code_block_count": 0, "code_bytes": 0, "word_count": 0, "link_word_count": 0, "repeated_share": 0.0, "cut_line_share": 0.0}
    rows.add("ingest/pages", **page, **counts, has_code_tags=True, code_languages=[])
    own = {"contents": [], "size_bytes": 18, "text": TEXT, "text_hash": hashlib.sha256(TEXT.encode()).hexdigest()[:16]}
    rows.add("assemble/documents", kind="repository", candidate="git:r#0", layout="repository/1", **own)
    pieces = [
        piece("file", "c0ffee", is_fim=True, epoch=1),
        piece("commit", COMMIT),
        piece("repository", "git:r#0", TEXT),
        piece("page", "fa57"),
        piece("file", "gone"),
        piece("file", "left"),
    ]
    name = "long/train/00000/000000"
    held = {"mixture": "long", "split": "train", "hash_group": 0, "position": 0, "tokens": [1] * 30, "pieces": pieces}
    rows.add("mix/sequences", sequence=name, text_bytes=54, tokens_version="v", **held)
    counted = dict.fromkeys(("document_count", "distinct_document_count", "fim_document_count", "cut_document_count", "token_count"), 1)
    origin = {
        "recipe": "continued",
        "packing": "best_fit",
        "window": 32,
        "fim_rate": 0.1,
        "versions": "{}",
        "tokenizer_sha256": "t",
        "epochs": 1.0,
        "text_bytes": 45,
    }
    rows.add(
        "mix/manifest",
        mixture="long",
        policy="paper",
        policy_hash="x",
        kept_digest="k",
        sequences_hash="s",
        split="train",
        kind="file",
        language="Python",
        **counted,
        **origin,
    )
    return str(rows.write(tmp_path / "lake"))


def test_a_piece_of_every_kind_says_where_it_comes_from(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "long/train/00000/000000", "--lake", lake, "--json"]) == 0
    file, commit, repository, page, gone, _ = json.loads(capsys.readouterr().out)["pieces"]
    assert (file["repository"], file["path"], file["licence"], file["is_fim"]) == ("folder:a", "x.py", "MIT", True)
    assert (commit["repository"], commit["commit"], commit["author_time"], commit["licence"]) == ("git:r", "5" * 40, 17, "GPL-3.0")
    assert (repository["repository"], repository["part"], repository["licence"]) == ("git:r", "0", "GPL-3.0")
    assert (page["url"], page["host"], page["title"]) == ("https://docs.example.org/loops", "docs.example.org", "Loops")
    assert gone["repository"] is gone["path"] is None


def test_it_is_told_in_a_line_a_piece(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "long/train/00000/000000", "--lake", lake]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "long/train/00000/000000: 6 pieces, 54 bytes of text"
    assert "folder:a  x.py  (Python, licence MIT, filled in the middle, epoch 2)" in lines[1]
    assert "commit 555555555555 of git:r: Say more\\x1b[31m  (licence GPL-3.0)" in lines[2]
    assert "repository git:r#0  (licence GPL-3.0)" in lines[3]
    assert "page https://docs.example.org/loops: Loops  (licence unknown)" in "\n".join(lines)


def test_what_is_no_longer_kept_is_named_and_said(lake: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "long/train/00000/000000", "--lake", lake]) == 0
    *_, gone, dropped = capsys.readouterr().out.splitlines()
    assert "file gone  (language unknown, licence unknown, no longer in the lake)" in gone and "None" not in gone
    assert "folder:a  old.py  (C, licence MIT, dropped today)" in dropped


def test_a_sequence_of_shards_is_told_by_them_and_not_by_what_has_its_name_now(
    lake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mixture was mixed again since: the name holds something else."""
    name, folder = "long/train/00000/000000", str(Path(lake) / "mix/shards-long")
    older = [piece("page", "fa57", "older"), piece("file", "c0ffee")]
    held = {"sequence": name, "tokens": [1] * 10, "pieces": older, "text_bytes": 18}
    other = {"sequence": "long/train/00000/000001", "tokens": [1] * 5, "pieces": older[:1], "text_bytes": 9}
    shard = write_shard(folder, "train-00000.parquet", pa.Table.from_pylist([held, other], SHARD_ROW).to_batches(), SHARD_ROW)
    splits = {"train": Split((shard,), {})}
    write_manifest(folder, Manifest("long", "x", 32, 257, "<|endoftext|>", "t", splits, policy="paper", sequences_hash="earlier"), "{}")
    assert main(["trace", name, "--lake", lake]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"{name}: 6 pieces") and f"--shards {folder}" in told.err
    assert main(["trace", name, "--lake", lake, "--shards", folder, "--json"]) == 0
    page, file = json.loads(capsys.readouterr().out)["pieces"]
    assert (page["url"], page["text_hash"]) == ("https://docs.example.org/loops", older[0]["text_hash"])
    assert (file["repository"], file["path"], file["verdict"]) == ("folder:a", "x.py", "kept")
    assert main(["trace", "long/train/9/9", "--lake", lake, "--shards", folder]) == 1
    assert "have no sequence 'long/train/9/9'" in capsys.readouterr().err
    assert main(["trace", name, "--lake", lake, "--shards", str(tmp_path)]) == 1
    assert "it is no folder of shards" in capsys.readouterr().err
    (Path(folder) / "train-00000.parquet").write_bytes(b"PAR1 half of it")
    assert main(["trace", name, "--lake", lake, "--shards", folder]) == 1
    assert "cannot be read" in capsys.readouterr().err
    (Path(folder) / "train-00000.parquet").unlink()
    assert main(["trace", name, "--lake", lake, "--shards", folder]) == 1
    assert "cannot be read" in capsys.readouterr().err
