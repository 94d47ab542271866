"""An export is made of the shards that the manifest names, and of no others."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.mix.exports import ExportShards, exported, shards_to_export
from jobs.mix.mixtures import anew
from jobs.runtime.errors import CodemillError
from tests.shards_builder import write_shards
from udfs.exports import Target
from udfs.shards import read_manifest

REMEDY = anew("m", "L")


def written(shards: Path, out: Path) -> list[dict[str, str]]:
    """What the task says of all shards, for the format `flat`."""
    task = ExportShards("flat", str(shards), Target(str(out), "", "", "uint16", 0, 512))
    rows = pa.RecordBatch.from_pylist([dict(row) for row in shards_to_export(read_manifest(str(shards)))])
    return [row for batch in task([rows]) for row in batch.to_pylist()]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return write_shards(tmp_path / "shards")


def test_shards_as_the_manifest_has_them_are_exported(shards: Path, tmp_path: Path) -> None:
    found = exported(written(shards, tmp_path / "out"), REMEDY)
    manifest = read_manifest(str(shards))
    for split in ("train", "held_out"):
        assert [(one.shard, one.rows, one.tokens) for one in found[split]] == [
            (shard.file, shard.rows, shard.tokens) for shard in manifest.splits[split].shards
        ]


def test_a_shard_that_was_altered_is_named_and_not_exported(shards: Path, tmp_path: Path) -> None:
    """A shard that any reader takes: one token is another."""
    file = shards / "train-00000.parquet"
    table = pq.read_table(file)
    tokens = table.column("tokens").to_pylist()
    tokens[0][0] = (tokens[0][0] + 1) % 512
    pq.write_table(table.set_column(1, table.schema.field("tokens"), pa.array(tokens, table.schema.field("tokens").type)), file)
    with pytest.raises(CodemillError, match=r"train-00000\.parquet is altered.*codemill mix\.shards --force --lake L --mixture m`"):
        exported(written(shards, tmp_path / "out"), REMEDY)
    assert not (tmp_path / "out" / "train").exists()


def test_a_shard_that_is_gone_is_named(shards: Path, tmp_path: Path) -> None:
    (shards / "held_out-00000.parquet").unlink()
    with pytest.raises(CodemillError, match=r"held_out-00000\.parquet is missing"):
        exported(written(shards, tmp_path / "out"), REMEDY)
