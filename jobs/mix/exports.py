"""Exports the shards in the formats of other trainers, where some are asked for.

Reads   LAKE/mix/shards/, or LAKE/mix/shards-NAME/ of a mixture with a name of its own; for the data card the tables of which they are made
Writes  LAKE/mix/exports/<format>/, or LAKE/mix/exports-NAME/<format>/

Each Parquet shard is exported by one task; its manifest, and so the export, is done when everything else is written.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

import pyarrow as pa

from jobs.mix.card import write_card
from jobs.mix.card_facts import Facts, card_facts
from jobs.mix.group_files import read_group
from jobs.mix.mixtures import export_folder, export_status, mixture_of, shards_folder
from jobs.runtime.errors import UsageError
from jobs.runtime.job import Job, Write, parameter
from jobs.runtime.tables import Tables
from schemas.decide import KEPT
from schemas.lake import Lake
from schemas.mix import MANIFEST, SEQUENCES, TOKENIZERS
from udfs.croissant import of_export
from udfs.export_formats import FORMATS, export_shard
from udfs.exports import SPLITS, Export, ShardExport, SplitExport, Target, begin, finish, shard_export_of
from udfs.manifest import Manifest
from udfs.shards import MANIFEST_NAME, TOKENIZER_NAME, open_folder, sha256_of
from udfs.tokenizer import load

COLUMNS = ["sequence", "tokens", "pieces", "text_bytes"]
WRITTEN = "split string, shard_export string"


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
    shards = [(name, shard.file) for name, split in manifest.splits.items() for shard in split.shards if shard.rows]
    rows = tables.spark.createDataFrame(shards, "split string, shard string").repartition(max(1, len(shards)))
    written = rows.mapInArrow(ExportShards(format, source, target), WRITTEN).collect()
    splits = {}
    for name in SPLITS:
        exported = [shard_export_of(json.loads(row.shard_export)) for row in written if row.split == name]
        splits[name] = described(format, target.of(name), tuple(sorted(exported, key=lambda shard: shard.shard)))
    tables.account.read_rows += sum(shard.rows for split in splits.values() for shard in split.shards)
    tables.account.read_bytes += sum(shard.text_bytes for split in manifest.splits.values() for shard in split.shards)
    common = {name: getattr(manifest, name) for name in ("mixture", "policy_hash", "window", "vocabulary_size", "end_token")}
    sha256 = sha256_of(filesystem, f"{root}/{MANIFEST_NAME}")
    export = Export(format, **common, end_id=end_id, dtype=dtype, tokenizer_sha256=manifest.tokenizer_sha256,
                    shards_sha256=sha256, splits=splits)  # fmt: skip
    write_card(folder, facts, of_export(facts, export))
    finish(folder, export, tokenizer_json)


@dataclass
class ExportShards:
    """Rows (split, shard) to files of a format, in a Python worker; returns what it wrote, as JSON."""

    format: str
    source: str
    target: Target

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for row in (row for batch in batches for row in batch.to_pylist()):
            number = row["shard"].removesuffix(".parquet").rpartition("-")[2]
            rows = read_group(f"{self.source}/{row['shard']}", COLUMNS)
            found = export_shard(self.format, self.target.of(row["split"], number), row["shard"], rows)
            yield pa.RecordBatch.from_pylist([{"split": row["split"], "shard_export": json.dumps(asdict(found))}])


def described(format: str, target: Target, shards: tuple[ShardExport, ...]) -> SplitExport:
    """A split with the files that describe it whole; without sequences it has none."""
    describe = FORMATS[format].describe
    return SplitExport(shards, tuple(describe(target, shards)) if describe and shards else ())


def is_changed(lake: Lake, params: ExportsParams) -> bool:
    """Whether an export is missing, or is not of the shards that are there."""
    return any(export_status(lake, format, params.shards)[0] != "current" for format in params.formats)


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
