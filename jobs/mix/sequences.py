"""Tokenizes kept documents of all kinds and packs them into sequences, by a recipe.

Reads   decide/kept, decide/high_quality, assemble/documents, assemble/document_checks, assemble/commit_contexts,
        assemble/repository_contexts, ingest/contents, mix/tokenizers
Writes  mix/lots, mix/sequences, mix/manifest; the rows of the mixture are replaced, when what was packed has been counted and is right

A document belongs to a fixed group by the hash of its key, and has a fixed place in the group's order. Packing never crosses a group, so
the sequences do not depend on partitions, and new data changes only the groups that it falls into.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.decide.profiles import PROFILES
from jobs.mix.counts import check_counts, expected, totals
from jobs.mix.drawing import drawn, once
from jobs.mix.group_files import WRITTEN, data_file
from jobs.mix.kept_documents import check_assembled, check_documents, kept_documents
from jobs.mix.lots import with_fim, with_lots, with_sets
from jobs.mix.manifest_rows import made_of_hashes, manifest_rows
from jobs.mix.mixtures import mixture_of
from jobs.mix.pack import Pack, Packets
from jobs.mix.places import Order
from jobs.mix.recipes import recipe
from jobs.mix.runs import Then
from jobs.mix.runs_aside import Aside, packets_of
from jobs.mix.tokens import token_runs, tokens_version
from jobs.runtime.errors import CodemillError, UsageError
from jobs.runtime.job import Job, ReplaceFiles, ReplaceRows, Write, parameter
from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.runtime.texts import task_count
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS, REPOSITORY_CONTEXTS
from schemas.decide import HIGH_QUALITY, KEPT
from schemas.delta_files import DataFile
from schemas.document_checks import DOCUMENT_CHECKS
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from schemas.mix import LOTS, MANIFEST, SEQUENCES, TOKENIZERS
from schemas.table import Table
from udfs.fim import marks_of
from udfs.mixture import NO_LANGUAGE, MixtureError, Phase, check_phase
from udfs.token_packets import GROUP
from udfs.token_values import token_type
from udfs.tokenizer import TokenizerError, load

Row = dict[str, Any]


@dataclass(frozen=True)
class SequencesParams:
    profile: str = parameter("demo", "whose kept documents are packed")
    tokenizer: str = parameter("default", "name in mix/tokenizers")
    recipe: str = parameter("demo", "what is taken of them: demo, regular, continued, or a Python file that sets RECIPE")
    mixture: str = parameter("", "name of what comes out; default: the profile's, which `mix.shards` exports")
    window: int = parameter(0, "tokens of a sequence; 0: the recipe's", least=0)
    fim_rate: float = parameter(-1.0, "share of the documents that are filled in the middle; -1: the recipe's", least=-1, most=1)
    total_tokens: int = parameter(0, "training tokens to take; 0: the recipe's, or as much as its shares leave", least=0)
    leave_out_empty: bool = parameter(False, "whether shares of which there is nothing go to the others")
    packing: str = parameter("", "concatenate or best_fit; default: the recipe's")
    hash_groups: int = parameter(64, "fixed groups of documents; never change it in a lake that was trained on", least=1, most=100_000)
    seed: str = parameter("order", "of the order of documents")
    layouts: tuple[str, ...] = parameter((), "KIND=LAYOUT of documents, where there are several (repeatable)")

    @property
    def mixture_name(self) -> str:
        return self.mixture or self.profile

    def phase(self) -> Phase:
        """The recipe with what was asked for instead. Raises `UsageError` where it contradicts itself."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.mixture_name):
            raise UsageError(f"mix.sequences.mixture={self.mixture}: expected letters, digits, dots, dashes and underscores")
        if self.mixture_name != self.profile and self.mixture_name in PROFILES:
            raise UsageError(
                f"mix.sequences.mixture={self.mixture}: that is the mixture of the profile {self.mixture}, which has this name alone; "
                f"found profile={self.profile}. Give this one another name"
            )
        if ":" in self.seed:
            raise UsageError(f"mix.sequences.seed={self.seed}: expected a seed without `:`, which separates it from keys")
        found = recipe(self.recipe)
        found = replace(found, packing=self.packing or found.packing, window=self.window or found.window)
        found = replace(found, total_tokens=self.total_tokens or found.total_tokens)
        found = found if self.fim_rate < 0 else replace(found, fim_rate=self.fim_rate)
        try:
            check_phase(found)
        except MixtureError as error:
            raise UsageError(str(error)) from error
        return found


def transform(tables: Tables, params: SequencesParams) -> Iterator[Write]:
    phase, mixture = params.phase(), params.mixture_name
    check_policy(tables.lake, mixture, params.profile)
    tokenizer_json, tokenizer_sha256, kind = tokenizer_of(tables, params.tokenizer, phase)
    documents = with_sets(tables, kept_documents(tables, params.profile, params.layouts), phase, params.profile)
    documents = documents.withColumn("language", F.coalesce("language", F.lit(NO_LANGUAGE)))
    documents = with_fim(with_lots(documents, phase), phase).drop("repository", "score_percent", "sets").persist()
    check_assembled(tables, params.profile, params.layouts)
    tables.account.read_rows, _ = check_documents(tables, documents)
    version, order = tokens_version(tokenizer_sha256), Order(params.hash_groups, params.seed)
    with Staging(tables.lake, tables.run) as staging:

        def runs(then: Then) -> DataFrame:
            return token_runs(tables, documents, mixture, tokenizer_json, kind, version, then)

        if phase.is_whole:
            taken = once(phase)
            packets = runs(Packets(order, taken))
        else:
            aside = staging.keep(tables.spark, runs(Aside(staging.folder("tokens"), kind)), "runs")
            taken = drawn(aside, phase, params.leave_out_empty)
            packets = packets_of(aside, Packets(order, taken))
        wanted = expected(documents, taken.copies())
        size = sum(one.size_bytes for one in wanted.values())
        tasks = min(2 * params.hash_groups, task_count(size, tables.cores))
        pack = Pack(tokenizer_json, kind, version, mixture, phase, tables.lake.path(SEQUENCES.name))
        grouped = packets.repartition(tasks, *GROUP).sortWithinPartitions(*GROUP)
        written = grouped.mapInArrow(pack, from_arrow_schema(WRITTEN)).collect()
    counted = totals(written)
    check_counts(wanted, counted)
    ways = [mixture, repr(phase), str(params.hash_groups), params.seed, str(params.leave_out_empty), version]
    names = {"mixture": mixture, "policy": params.profile, "tokenizer_sha256": tokenizer_sha256}
    names |= made_of_hashes(tables, documents, params.profile, ways)
    manifest = manifest_rows(phase, names, counted, wanted)
    yield from committed(mixture, taken.rows, [data_file(mixture, row) for row in written if row.name], manifest)


def committed(mixture: str, lots: list[Row], files: list[DataFile], manifest: list[Row]) -> Iterator[Write]:
    """Rows of mix/manifest are the first to go and the last to come: a mixture without them is not finished, whatever else is there."""
    yield of_mixture(MANIFEST, mixture, [])
    yield of_mixture(LOTS, mixture, [{"mixture": mixture, **row} for row in lots])
    yield ReplaceFiles(SEQUENCES, files, "mixture", mixture)
    yield of_mixture(MANIFEST, mixture, manifest)


def of_mixture(table: Table, mixture: str, rows: list[Row]) -> ReplaceRows:
    return ReplaceRows(table, pa.Table.from_pylist(rows, schema=table.arrow_schema), pc.field("mixture") == mixture)


def is_changed(lake: Lake, params: SequencesParams) -> bool:
    """Whether the mixture is not there, or not finished."""
    return not lake.has_rows(MANIFEST, pc.field("mixture") == params.mixture_name)


def check_policy(lake: Lake, mixture: str, policy: str) -> None:
    """Raises `CodemillError` where the name is that of a mixture of another policy's documents, which would be lost."""
    others = {row["policy"] for row in lake.read(MANIFEST, ["policy"], pc.field("mixture") == mixture).to_pylist()} - {policy}
    if others:
        raise CodemillError(
            f"the mixture {mixture!r} is made of what the policy {min(others)!r} keeps; found profile={policy}. Give this one another "
            f"name with mix.sequences.mixture, or remove the old one: `codemill vacuum --mixture {mixture} --yes`"
        )


def tokenizer_of(tables: Tables, name: str, phase: Phase) -> tuple[str, str, np.dtype]:
    """JSON, hash, and the type by which its tokens travel. Raises `CodemillError` where it is not there, or lacks what the phase needs."""
    found = tables[TOKENIZERS].where(F.col("name") == name).select("tokenizer_json", "tokenizer_sha256", "vocabulary_size").first()
    if found is None:
        raise CodemillError(f"mix/tokenizers has no tokenizer {name!r}. `codemill mix.tokenizer --name {name}` trains one")
    if phase.fim_rate:
        try:
            marks_of(load(found.tokenizer_json))
        except TokenizerError as error:
            raise CodemillError(str(error)) from error
    return found.tokenizer_json, found.tokenizer_sha256, token_type(found.vocabulary_size)


JOB = Job(
    "mix.sequences",
    "tokenizes kept documents and packs them into sequences",
    reads=(KEPT, HIGH_QUALITY, DOCUMENTS, DOCUMENT_CHECKS, COMMIT_CONTEXTS, REPOSITORY_CONTEXTS, CONTENTS, TOKENIZERS),
    writes=(LOTS, SEQUENCES, MANIFEST),
    transform=transform,
    params=SequencesParams,
    check=SequencesParams.phase,
    identity=lambda params: repr(params.phase()),
    is_changed=is_changed,
    scope=mixture_of,
)
