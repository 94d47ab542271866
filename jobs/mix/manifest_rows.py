"""Rows of mix/manifest: what was counted in the sequences, and what ties them to what they are made of."""

import json
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.mix.counts import Expected, Labels
from jobs.mix.places import digest_of
from jobs.runtime.job import short_hash
from jobs.runtime.ledger import library_versions
from jobs.runtime.tables import Tables
from schemas.decide import KEPT
from schemas.mix import KEPT_ID
from udfs.mixture import Phase
from udfs.piece_counts import LABELS

VERSION = 1  # raise it when the same documents, recipe and order give other sequences
Row = dict[str, Any]


def manifest_rows(phase: Phase, names: Row, counted: list[Row], wanted: dict[Labels, Expected]) -> list[Row]:
    """Rows of mix/manifest; `names` are what all of them share."""
    shared = names | {"recipe": phase.name, "packing": phase.packing, "window": phase.window, "fim_rate": phase.fim_rate}
    shared |= {"versions": json.dumps(library_versions(), sort_keys=True)}
    there = {labels: one.there for labels, one in wanted.items()}
    epochs = [row["document_count"] / there[tuple(row[name] for name in LABELS)] for row in counted]
    return [shared | row | {"epochs": times} for row, times in zip(counted, epochs, strict=True)]


def made_of_hashes(tables: Tables, documents: DataFrame, policy: str, ways: list[str]) -> dict[str, str]:
    """What ties the sequences to what they are made of, as columns of mix/manifest. `ways` are all that was asked for, as text."""
    kept = tables[KEPT].where(F.col("policy") == policy)
    first = kept.select("policy_hash").first()  # all rows of a policy have the same
    taken = F.concat_ws("\n", "kind", "candidate", "text_hash", "split", F.col("lot").cast("string"))
    return {
        "policy_hash": first.policy_hash if first else "",
        "kept_digest": digest_of(kept.select(F.concat_ws("\n", *KEPT_ID))),
        "sequences_hash": short_hash("sequences", str(VERSION), *ways, digest_of(documents.select(taken))),
    }
