"""What a scorer is trained and measured on: labelled texts, and which of them are of held-out repositories, or on held-out hosts."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gpu_scoring.oracles import asked_with
from gpu_scoring.population import KINDS, passes
from schemas.annotate import LABELS
from schemas.decide import FEATURES, GATES
from schemas.ingest import CONTENTS
from schemas.lake import Lake

MOST_SCORE = 10.0
NOT_JUDGED = "(not judged)"  # the kind of a page's site that no model has seen
HELD_OUT = {
    "file": "repositories (`--set decide.features.held_out_rate=0.1` for a new lake)",
    "page": "hosts (held_out_rate of annotate.page_models and of decide.features, for a new lake)",
}


class ExamplesError(Exception):
    """There is nothing to train or to measure on: where, what was found, what to do."""


@dataclass(frozen=True)
class Examples:
    """Labelled texts in the order of their keys. `languages` of pages are kinds of sites. `scores` are on [0, 1]."""

    keys: list[str]
    languages: list[str]
    texts: list[str]
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, places: np.ndarray) -> "Examples":
        chosen = places.tolist()
        return Examples(
            [self.keys[i] for i in chosen], [self.languages[i] for i in chosen], [self.texts[i] for i in chosen], self.scores[places]
        )


@dataclass(frozen=True)
class Labelled:
    """`oracle` and `version` are those of the labels; `held_out` are texts that occur in a held-out repository, or on a held-out host.
    `left_out` counts rated texts that do not pass the gates, or not any more; `unknown` those that pass them and have no row in
    decide/features or no text, so that nobody knows whether they are held out. `kind` is that of gpu_scoring.population.KINDS.
    `asked_with`: the version of the oracle's prompt or rules, to be told."""

    oracle: str
    version: str
    train: Examples
    held_out: Examples
    left_out: int = 0
    unknown: int = 0
    kind: str = KINDS[0]
    asked_with: str = "of a version that was not kept when it was asked"


def labelled(lake: Lake, version: str | None = None, profile: str = "demo", kind: str = KINDS[0]) -> Labelled:
    """The ratings of one oracle's first turn, with their texts, of candidates of a kind that pass the gates of a policy as they are now.

    As they are now, for what was rated when it passed may be the near copy of a file that has been held out since. Raises ExamplesError
    where there are none, or several oracles to choose from.
    """
    rows = lake.read(LABELS, ["content_sha256", "language", "version", "oracle", "score"], _wanted(version, kind))
    versions = {(row["version"], row["oracle"]) for row in rows.select(["version", "oracle"]).to_pylist()}
    if len(versions) != 1:
        raise ExamplesError(_which(lake, versions, version, kind))
    ((version, oracle),) = versions
    rows = rows.sort_by([("content_sha256", "ascending"), ("language", "ascending")])
    rated = pa.array(rows.column("content_sha256").combine_chunks().unique())
    keys = lake.read(GATES, ["candidate"], passes(profile, kind) & pc.field("candidate").isin(rated)).column("candidate").combine_chunks()
    facts = _facts(lake, keys, kind)
    texts = _texts(lake, pa.array(facts, pa.string()))
    rows = rows.filter(pc.is_in(rows.column("content_sha256"), value_set=pa.array(texts, pa.string())))
    names = rows.column("content_sha256").to_pylist()
    whole = Examples(
        names,
        [facts[name][1] for name in names] if kind == "page" else rows.column("language").to_pylist(),
        [texts[name] for name in names],
        np.asarray(rows.column("score"), np.float64) / MOST_SCORE,
    )
    is_held_out = np.array([facts[name][0] for name in names], bool)
    train, held_out = whole.take(np.flatnonzero(~is_held_out)), whole.take(np.flatnonzero(is_held_out))
    found = Labelled(oracle, version, train, held_out, len(rated) - len(keys), len(keys) - len(texts), kind, asked_with(lake, version))
    for name, part in (("of training", found.train), ("held-out", found.held_out)):
        if len(part) < 2:
            raise ExamplesError(
                f"{len(part)} labelled {kind}s are {name}, {len(whole)} in all; {found.left_out} others do not pass the gates of the"
                f" profile {profile}, and of {found.unknown} nobody knows whether they are held out.\n"
                f"Expected some of both: label more {kind}s, or hold out more {HELD_OUT[kind]}."
            )
    return found


def _wanted(version: str | None, kind: str) -> pc.Expression:
    where = (pc.field("status") == "rated") & (pc.field("turn") == 0) & (pc.field("kind") == kind)
    return where if version is None else where & (pc.field("version") == version)


def _which(lake: Lake, versions: set[tuple[str, str]], asked: str | None, kind: str) -> str:
    if not versions:
        named = f" of version {asked}" if asked else ""
        of_kind, option = ("", "") if kind == KINDS[0] else (f" of a {kind}", f" --kind {kind}")
        return (
            f"{lake.path(LABELS.name)} holds no rating{of_kind}{named}. Expected what"
            f" `codemill label{option} --lake {lake.root} --count N` makes."
        )
    listed = ", ".join(f"{version} ({oracle})" for version, oracle in sorted(versions))
    return f"{lake.path(LABELS.name)} holds ratings of several oracles: {listed}. Name one: --labels VERSION."


def _texts(lake: Lake, keys: pa.Array) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in lake.scan(CONTENTS, ["content_sha256", "text"], pc.field("content_sha256").isin(keys)):
        found |= zip(batch.column("content_sha256").to_pylist(), batch.column("text").to_pylist(), strict=True)
    return found


def _facts(lake: Lake, keys: pa.Array, kind: str) -> dict[str, tuple[bool, str]]:
    """By key whether it is held out, and of a page the kind of its site."""
    where = (pc.field("kind") == kind) & pc.field("candidate").isin(keys)
    rows = lake.read(FEATURES, ["candidate", "is_held_out", "page_category"], where).to_pylist()
    return {row["candidate"]: (row["is_held_out"], row["page_category"] or NOT_JUDGED) for row in rows}
