"""Exports the shards in the formats of other trainers, where some are asked for.

Reads   LAKE/mix/shards/, or LAKE/mix/shards-NAME/ of a mixture with a name of its own; for the data card the tables of which they are made
Writes  LAKE/mix/exports/<format>/, or LAKE/mix/exports-NAME/<format>/

Each Parquet shard is exported by one task; its manifest, and so the export, is done when everything else is written.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.mix.card import write_card
from jobs.mix.card_facts import Facts, card_facts
from jobs.mix.group_files import read_group
from jobs.mix.mixtures import anew, export_folder, export_status, mixture_of, shards_folder
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.job import Job, Write, parameter
from jobs.runtime.tables import Tables
from schemas.decide import KEPT
from schemas.lake import Lake
from schemas.mix import MANIFEST, SEQUENCES, SHARD_ROW, TOKENIZERS
from udfs.croissant import of_export
from udfs.export_formats import FORMATS, export_shard
from udfs.exports import SPLITS, Export, ShardExport, SplitExport, Target, begin, export_damage, finish, shard_export_of
from udfs.manifest import Manifest
from udfs.shards import MANIFEST_NAME, TOKENIZER_NAME, open_folder, sha256_of
from udfs.tokenizer import load

TO_EXPORT = "split string, shard string, sha256 string"
WRITTEN = pa.schema([(name, pa.string()) for name in ("split", "shard", "shard_export", "fault")])


@dataclass(frozen=True)
class ExportsParams:
    formats: tuple[str, ...] = parameter((), f"what to export: {', '.join(FORMATS)} (repeatable); without one nothing is exported")
    profile: str = parameter("demo", "whose mixture is exported")
    mixture: str = parameter("", "its name, as `mix.shards` was given it; default: the profile's")

    @property
    def shards(self) -> str:
        return shards_folder(self.mixture, self.profile)

    def check(self) -> None:
        unknown = sorted(set(self.formats) - set(FORMATS))
        if unknown:
            raise UsageError(f"mix.exports.formats={','.join(unknown)}: expected some of {', '.join(FORMATS)}")


def transform(tables: Tables, params: ExportsParams) -> Iterator[Write]:
    facts, manifest = card_facts(tables.lake, params.shards)
    for format in dict.fromkeys(params.formats):
        export_format(tables, format, params.shards, manifest, facts)
    yield from ()


def export_format(tables: Tables, format: str, shards_in: str, manifest: Manifest, facts: Facts) -> None:
    """Writes the folder of a format, its manifest last."""
    folder, source = export_folder(tables.lake, format, shards_in), tables.lake.path(shards_in)
    begin(folder)
    filesystem, root = open_folder(source)
    tokenizer_json = filesystem.open_input_file(f"{root}/{TOKENIZER_NAME}").readall().decode()
    end_id, dtype = load(tokenizer_json).end_id, FORMATS[format].dtype(manifest.vocabulary_size)
    target = Target(folder, "", "", dtype, end_id, manifest.vocabulary_size)
    shards = shards_to_export(manifest)
    rows = tables.spark.createDataFrame(shards, TO_EXPORT).repartition(max(1, len(shards)))
    written = rows.mapInArrow(ExportShards(format, source, target), from_arrow_schema(WRITTEN)).collect()
    found = exported([row.asDict() for row in written], anew(manifest.mixture, tables.lake.root))
    splits = {name: described(format, target.of(name), found[name]) for name in SPLITS}
    tables.account.read_rows += sum(shard.rows for split in splits.values() for shard in split.shards)
    tables.account.read_bytes += sum(shard.text_bytes for split in manifest.splits.values() for shard in split.shards)
    common = {name: getattr(manifest, name) for name in ("mixture", "policy_hash", "window", "vocabulary_size", "end_token")}
    sha256 = sha256_of(filesystem, f"{root}/{MANIFEST_NAME}")
    export = Export(format, **common, end_id=end_id, dtype=dtype, tokenizer_sha256=manifest.tokenizer_sha256,
                    shards_sha256=sha256, splits=splits)  # fmt: skip
    write_card(folder, facts, of_export(facts, export))
    finish(folder, export, tokenizer_json)


def shards_to_export(manifest: Manifest) -> list[dict[str, str]]:
    """Rows of TO_EXPORT."""
    parts = [(name, shard) for name, split in manifest.splits.items() for shard in split.shards if shard.rows]
    return [{"split": name, "shard": shard.file, "sha256": shard.sha256} for name, shard in parts]


def exported(written: list[dict[str, Any]], remedy: str) -> dict[str, tuple[ShardExport, ...]]:
    """What the tasks wrote, by split, in order. Raises `CodemillError` where a shard is not the one that the manifest names; `remedy` is
    the command that writes the shards again."""
    faults = sorted(row["fault"] for row in written if row["fault"])
    if faults:
        raise CodemillError(f"{'; '.join(faults)}. Nothing is exported of such shards: {remedy} writes them anew")
    ordered = sorted(written, key=lambda row: str(row["shard"]))
    return {name: tuple(shard_export_of(json.loads(row["shard_export"])) for row in ordered if row["split"] == name) for name in SPLITS}


@dataclass
class ExportShards:
    """Rows of TO_EXPORT to files of a format, in a Python worker; returns what it wrote, as JSON, or what is wrong with the shard.

    A shard is read for its hash first: of one that was altered a reader of the export would learn nothing.
    """

    format: str
    source: str
    target: Target

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for row in (row for batch in batches for row in batch.to_pylist()):
            told = {"split": row["split"], "shard": row["shard"], "fault": self.fault(row["shard"], row["sha256"])}
            if not told["fault"]:
                number = row["shard"].removesuffix(".parquet").rpartition("-")[2]
                rows = read_group(f"{self.source}/{row['shard']}", SHARD_ROW.names)
                found = export_shard(self.format, self.target.of(row["split"], number), row["shard"], rows)
                told["shard_export"] = json.dumps(asdict(found))
            yield pa.RecordBatch.from_pylist([told], schema=WRITTEN)

    def fault(self, shard: str, sha256: str) -> str | None:
        filesystem, root = open_folder(self.source)
        try:
            actual = sha256_of(filesystem, f"{root}/{shard}")
        except FileNotFoundError:
            return f"{self.source}/{shard} is missing"
        return None if actual == sha256 else f"{self.source}/{shard} is altered: its SHA-256 is {actual}, the manifest says {sha256}"


def described(format: str, target: Target, shards: tuple[ShardExport, ...]) -> SplitExport:
    """A split with the files that describe it whole; without sequences it has none."""
    describe = FORMATS[format].describe
    return SplitExport(shards, tuple(describe(target, shards)) if describe and shards else ())


def is_changed(lake: Lake, params: ExportsParams) -> bool:
    """Whether an export is missing, is not of the shards that are there, or lacks a file or a part of one."""
    found = [(export_folder(lake, format, params.shards), export_status(lake, format, params.shards)[1]) for format in params.formats]
    return any(export is None or export_damage(folder, export) for folder, export in found)


def idle(lake: Lake, params: ExportsParams) -> str | None:
    return None if params.formats else f"no format is named, nothing is exported; there are {', '.join(FORMATS)}"


JOB = Job(
    "mix.exports",
    "exports the shards in the formats of other trainers, where some are named",
    reads=(SEQUENCES, MANIFEST, TOKENIZERS, KEPT),
    writes=(),
    transform=transform,
    params=ExportsParams,
    check=ExportsParams.check,
    is_changed=is_changed,
    idle=idle,
    scope=mixture_of,
    knows_changes=True,
)
