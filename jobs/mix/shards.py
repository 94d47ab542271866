"""Exports the sequences as shards: Parquet files with a manifest and the tokenizer, all that a trainer reads.

Reads   mix/sequences, mix/manifest, mix/tokenizers, decide/kept
Writes  LAKE/mix/shards/
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.fs
from pyspark.sql import functions as F

from jobs.runtime.errors import CodemillError
from jobs.runtime.job import Job, Write, parameter
from jobs.runtime.tables import Tables
from schemas.decide import KEPT
from schemas.lake import SHARDS, Lake
from schemas.mix import MANIFEST, SEQUENCES, TOKENIZERS
from udfs.manifest import LanguageCounts, Manifest, Shard, Split
from udfs.shards import MANIFEST_NAME, write_manifest, write_shard
from udfs.tokenizer import load

COLUMNS = ["sequence", "tokens", "pieces", "text_bytes"]
WRITTEN = "split string, file string, sha256 string, rows bigint, tokens bigint, text_bytes bigint"


@dataclass(frozen=True)
class ShardsParams:
    profile: str = parameter("demo", "the mixture to export")
    groups_per_shard: int = parameter(16, "hash groups in one file")


def transform(tables: Tables, params: ShardsParams) -> Iterator[Write]:
    sequences = tables[SEQUENCES].where(F.col("mixture") == params.profile)
    split = F.concat("split", F.lit("-"), F.format_string("%05d", F.floor(F.col("hash_group") / params.groups_per_shard)))
    rows = sequences.withColumn("shard", F.concat(split, F.lit(".parquet")))
    shards = rows.select("split", "shard").distinct().count()
    if not shards:
        raise CodemillError(
            f"mix/sequences holds nothing of {params.profile!r}; `codemill mix.sequences` fills it, `codemill counts` says what was dropped"
        )
    folder = tables.lake.path(SHARDS)
    clear(tables.lake)
    order = ["shard", "hash_group", "position"]
    ordered = rows.repartition(shards, "shard").sortWithinPartitions(*order).select("split", "shard", *COLUMNS)
    written = ordered.mapInArrow(Export(folder), WRITTEN).collect()
    tables.account.read_rows = sum(row.rows for row in written)
    tables.account.read_bytes = sum(row.text_bytes for row in written)
    write_manifest(folder, *manifest_of(tables, params.profile, written))
    yield from ()


def clear(lake: Lake) -> None:
    """Removes the old export, its manifest first: a folder without one is not finished."""
    filesystem, root = lake.filesystem()
    manifest = f"{root}/{SHARDS}/{MANIFEST_NAME}"
    if filesystem.get_file_info(manifest).type == pyarrow.fs.FileType.File:
        filesystem.delete_file(manifest)
    filesystem.delete_dir_contents(f"{root}/{SHARDS}", missing_dir_ok=True)
    filesystem.create_dir(f"{root}/{SHARDS}", recursive=True)


@dataclass
class Export:
    """Writes each run of rows with one `shard` as a file, in a Python worker; returns what it wrote."""

    folder: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        schema = pa.schema([SEQUENCES.arrow_schema.field(name) for name in COLUMNS])
        for (split, name), run in runs(batches):
            shard = write_shard(self.folder, name, (batch.select(COLUMNS).cast(schema) for batch in run), schema)
            yield pa.RecordBatch.from_pylist([{"split": split, **vars_of(shard)}])


def vars_of(shard: Shard) -> dict[str, Any]:
    return {name: getattr(shard, name) for name in ("file", "sha256", "rows", "tokens", "text_bytes")}


def runs(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[tuple[str, str], Iterator[pa.RecordBatch]]]:
    """Consecutive rows of one shard, as streams; each must be read to its end before the next."""

    def pieces() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            names = batch.column("shard").to_pylist()
            start = 0
            for _, same in groupby(names):
                end = start + len(list(same))
                yield batch.slice(start, end - start)
                start = end

    yield from groupby(pieces(), key=lambda piece: (piece.column("split")[0].as_py(), piece.column("shard")[0].as_py()))


def manifest_of(tables: Tables, profile: str, written: list[Any]) -> tuple[Manifest, str]:
    counted = tables[MANIFEST].where(F.col("mixture") == profile).collect()
    sha256 = counted[0].tokenizer_sha256
    text = tables[TOKENIZERS].where(F.col("tokenizer_sha256") == sha256).select("tokenizer_json").first()[0]  # type: ignore[index]
    tokenizer = load(text)
    policy_hash = tables[KEPT].where(F.col("policy") == profile).select("policy_hash").first()[0]  # type: ignore[index]
    window = tables[SEQUENCES].where(F.col("mixture") == profile).agg(F.max(F.size("tokens"))).first()[0]  # type: ignore[index]
    splits = {}
    for split in sorted({row.split for row in written}):
        shards = sorted((row for row in written if row.split == split), key=lambda row: row.file)
        languages = sorted((row for row in counted if row.split == split), key=lambda row: row.language)
        splits[split] = Split(
            tuple(Shard(r.file, r.sha256, r.rows, r.tokens, r.text_bytes) for r in shards),
            {r.language: LanguageCounts(r.document_count, r.token_count, r.text_bytes) for r in languages},
        )
    return Manifest(profile, policy_hash, window, tokenizer.vocabulary_size, tokenizer.end_token, sha256, splits), text


def is_changed(lake: Lake, params: ShardsParams) -> bool:
    filesystem, root = lake.filesystem()
    return bool(filesystem.get_file_info(f"{root}/{SHARDS}/{MANIFEST_NAME}").type != pyarrow.fs.FileType.File)


JOB = Job(
    "mix.shards",
    "exports sequences as shards with a manifest",
    reads=(SEQUENCES, MANIFEST, TOKENIZERS, KEPT),
    writes=(),
    transform=transform,
    params=ShardsParams,
    is_changed=is_changed,
)
