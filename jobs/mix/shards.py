"""Exports the sequences as shards: Parquet files with a manifest and the tokenizer, all that a trainer reads.

Reads   mix/sequences, mix/manifest, mix/lots, mix/tokenizers
Writes  LAKE/mix/shards/, or LAKE/mix/shards-NAME/ of another profile's mixture or one with a name of its own (jobs/mix/mixtures.py)
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs
from pyspark.sql import functions as F

from jobs.mix.group_files import read_group
from jobs.mix.mixtures import mixture_of, shards_folder
from jobs.runtime.errors import CodemillError, CountsError
from jobs.runtime.job import Job, Write, parameter
from jobs.runtime.tables import Tables
from schemas.delta_files import DataFile, data_files
from schemas.lake import Lake
from schemas.mix import LOTS, MANIFEST, SEQUENCES, SHARD_ROW, TOKENIZERS
from udfs.manifest import LanguageCounts, Manifest, Shard, ShardError, Split
from udfs.shards import MANIFEST_NAME, damage, read_manifest, write_manifest, write_shard
from udfs.token_values import with_lists
from udfs.tokenizer import load

WRITTEN = "split string, file string, sha256 string, rows bigint, tokens bigint, text_bytes bigint, size_bytes bigint, longest bigint"


@dataclass(frozen=True)
class ShardsParams:
    profile: str = parameter("demo", "whose mixture is exported")
    mixture: str = parameter("", "its name in mix/sequences; default: the profile's")
    groups_per_shard: int = parameter(16, "hash groups in one file", least=1)

    @property
    def mixture_name(self) -> str:
        return self.mixture or self.profile

    @property
    def folder(self) -> str:
        return shards_folder(self.mixture, self.profile)


def transform(tables: Tables, params: ShardsParams) -> Iterator[Write]:
    files = data_files(tables.lake, SEQUENCES, tables.lake.version(SEQUENCES), mixture=params.mixture_name)
    if not files:
        raise CodemillError(
            f"mix/sequences holds nothing of {params.mixture_name!r}; `codemill mix.sequences` fills it, "
            "`codemill counts` says what was dropped"
        )
    folder = tables.lake.path(params.folder)
    clear(tables.lake, params.folder)
    shards = shared_out(files, params.groups_per_shard, tables.lake.path(SEQUENCES.name))
    rows = tables.spark.createDataFrame(shards, "split string, shard string, files array<string>").repartition(len(shards))
    written = rows.mapInArrow(Export(folder), WRITTEN).collect()
    tables.account.read_rows = sum(row.rows for row in written)
    tables.account.read_bytes = sum(row.text_bytes for row in written)
    write_manifest(folder, *manifest_of(tables, params.mixture_name, written))
    yield from ()


def clear(lake: Lake, folder: str) -> None:
    """Removes the old export, its manifest first: a folder without one is not finished."""
    filesystem, root = lake.filesystem()
    manifest = f"{root}/{folder}/{MANIFEST_NAME}"
    if filesystem.get_file_info(manifest).type == pyarrow.fs.FileType.File:
        filesystem.delete_file(manifest)
    filesystem.delete_dir_contents(f"{root}/{folder}", missing_dir_ok=True)
    filesystem.create_dir(f"{root}/{folder}", recursive=True)


def shared_out(files: list[DataFile], groups_per_shard: int, folder: str) -> list[tuple[str, str, list[str]]]:
    """(split, name of the shard, addresses of its files in the order of their groups). A file holds one group; `files` are in order."""
    shards: dict[tuple[str, str], list[str]] = {}
    for file in files:
        split, number = file.partition["split"], int(file.partition["hash_group"]) // groups_per_shard
        shards.setdefault((split, f"{split}-{number:05d}.parquet"), []).append(f"{folder}/{file.name}")
    return [(split, name, addresses) for (split, name), addresses in shards.items()]


@dataclass
class Export:
    """Rows (split, shard, files) to shards, in a Python worker; returns what it wrote, and the length of the longest sequence."""

    folder: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for row in (row for batch in batches for row in batch.to_pylist()):
            lengths: list[int] = []
            shard = write_shard(self.folder, row["shard"], sequences(row["files"], lengths), SHARD_ROW)
            yield pa.RecordBatch.from_pylist([{"split": row["split"], **vars_of(shard), "longest": max(lengths)}])


def sequences(files: list[str], lengths: list[int]) -> Iterator[pa.RecordBatch]:
    """Rows of the files in order; appends to `lengths` how many tokens the longest of each batch has."""
    for file in files:
        for batch in map(with_lists, read_group(file, [*SHARD_ROW.names, "token_width_bytes"])):
            lengths.append(pc.max(pc.list_value_length(batch.column("tokens"))).as_py())
            yield batch


def vars_of(shard: Shard) -> dict[str, Any]:
    return {name: getattr(shard, name) for name in ("file", "sha256", "rows", "tokens", "text_bytes", "size_bytes")}


def manifest_of(tables: Tables, mixture: str, written: list[Any]) -> tuple[Manifest, str]:
    counted = tables[MANIFEST].where(F.col("mixture") == mixture).collect()
    if not counted:
        raise CodemillError(
            f"mix/manifest says nothing of {mixture!r}, so its sequences are not finished: a run of mix.sequences was killed between two "
            "commits. `codemill mix.sequences --force` ends it"
        )
    first = counted[0]
    sha256 = first.tokenizer_sha256
    text = tables[TOKENIZERS].where(F.col("tokenizer_sha256") == sha256).select("tokenizer_json").first()[0]  # type: ignore[index]
    tokenizer = load(text)
    splits = {}
    for split in sorted({row.split for row in written}):
        shards = sorted((row for row in written if row.split == split), key=lambda row: row.file)
        rows = [row for row in counted if row.split == split]
        splits[split] = Split(
            tuple(Shard(r.file, r.sha256, r.rows, r.tokens, r.text_bytes, r.size_bytes) for r in shards),
            counts_by(rows, "language"),
            counts_by(rows, "kind"),
        )
    check_totals(mixture, splits, max(row.longest for row in written), first.window)
    vocabulary_size, end_token = tokenizer.vocabulary_size, tokenizer.end_token
    manifest = Manifest(
        mixture, first.policy_hash, first.window, vocabulary_size, end_token, sha256, splits, first.policy, first.recipe, first.packing,
        first.kept_digest, first.sequences_hash, first.fim_rate, shares_of(tables, mixture), json.loads(first.versions),
    )  # fmt: skip
    return manifest, text


def shares_of(tables: Tables, mixture: str) -> tuple[dict[str, Any], ...]:
    """Rows of mix/lots without what the manifest says anyway, in order."""
    rows = tables[LOTS].where(F.col("mixture") == mixture).drop("mixture", "recipe").collect()
    return tuple(sorted((row.asDict() for row in rows), key=lambda row: str(row["lot"])))


def check_totals(mixture: str, splits: dict[str, Split], longest: int, window: int) -> None:
    """Raises `CountsError` unless the shards hold what mix/manifest counted: both are read, and another run may come between."""
    faults = [
        f"{name}: {split.totals[unit]:,} {unit} lie in the shards, {sum(getattr(one, unit) for one in counted.values()):,} were counted"
        for name, split in splits.items()
        for counted in (split.languages, split.kinds)
        for unit in ("tokens", "text_bytes")
        if split.totals[unit] != sum(getattr(one, unit) for one in counted.values())
    ]
    faults += [f"a sequence has {longest:,} tokens, the window is {window:,}"] * (longest > window)
    if faults:
        raise CountsError(
            f"the shards of {mixture!r} are not finished, because their sequences are not those that mix/manifest counted: another run may "
            f"have mixed them meanwhile; `codemill mix.shards` again.\n  " + "\n  ".join(dict.fromkeys(faults))
        )


def counts_by(rows: list[Any], name: str) -> dict[str, LanguageCounts]:
    """Rows of mix/manifest, added up by a column."""
    found: dict[str, LanguageCounts] = {}
    for row in sorted(rows, key=lambda row: row[name]):
        old = found.get(row[name], LanguageCounts(0, 0, 0))
        found[row[name]] = LanguageCounts(old.documents + row.document_count, old.tokens + row.token_count, old.text_bytes + row.text_bytes)
    return found


def is_changed(lake: Lake, params: ShardsParams) -> bool:
    """Whether shards are missing or cut off, or of other sequences than those that are there. Another mixture may have changed the
    table."""
    try:
        manifest = read_manifest(lake.path(params.folder))
    except ShardError:
        return True
    is_it = pc.field("mixture") == params.mixture_name
    hashes = {row["sequences_hash"] for row in lake.read(MANIFEST, ["sequences_hash"], is_it).to_pylist()}
    is_other = manifest.mixture != params.mixture_name or {manifest.sequences_hash} != hashes
    return is_other or bool(damage(lake.path(params.folder), manifest))


JOB = Job(
    "mix.shards",
    "exports sequences as shards with a manifest",
    reads=(SEQUENCES, MANIFEST, LOTS, TOKENIZERS),
    writes=(),
    transform=transform,
    params=ShardsParams,
    is_changed=is_changed,
    scope=mixture_of,
    knows_changes=True,
)
