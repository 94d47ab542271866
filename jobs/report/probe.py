"""What the probe learnt: its loss, its bits per byte, what it writes. As `training.record` writes it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from jobs.report.languages import SHOWN_LANGUAGES
from jobs.report.tables import LakeTables, Missing
from schemas.lake import PROBE_METRICS

SHOWN_POINTS = 400
SHOWN_COMPLETIONS = 6
UNKNOWN = "unknown"  # the trainer's word


@dataclass(frozen=True)
class Point:
    """`loss` is in nats per token; a loss that is no number is left out."""

    step: int
    loss: float


@dataclass(frozen=True)
class ProbePhase:
    """Losses are in nats per token; bits per byte are None where nothing is held out."""

    name: str
    window: int
    steps: int
    tokens: int
    learning_rate: float
    final_loss: float
    held_out_bits_per_byte: float | None


@dataclass(frozen=True)
class ProbeKind:
    """One kind of documents at the end of the last phase. None: the phase trained on none of it, or none of it is held out."""

    kind: str
    loss: float | None
    held_out_bits_per_byte: float | None


@dataclass(frozen=True)
class ProbeLanguage:
    """What is held out of one language, after the last phase."""

    language: str
    bits_per_byte: float
    text_bytes: int


@dataclass(frozen=True)
class Middles:
    """Bits per byte of held-out middles: between suffix and prefix, without suffix, in another document. None: `skipped` says why."""

    skipped: str | None
    documents: int
    trained_on: int
    bits_per_byte: float | None
    without_suffix: float | None
    in_another_document: float | None


@dataclass(frozen=True)
class Probe:
    """`unigram_bits_per_byte` is what a model that knows only how frequent each token is needs on the same text.

    Both are None where nothing is held out. `tokens` is how many it saw, repeats included. `completions` are pairs of prompt and text.
    """

    points: tuple[Point, ...]
    steps: int
    tokens: int
    parameters: int
    training_s: float
    held_out_bits_per_byte: float | None
    unigram_bits_per_byte: float | None
    held_out_text_bytes: int
    completions: tuple[tuple[str, str], ...]
    phases: tuple[ProbePhase, ...]
    kinds: tuple[ProbeKind, ...]
    languages: tuple[ProbeLanguage, ...]
    middles: Middles | None


def collect_probe(tables: LakeTables) -> Probe | Missing:
    metrics = tables.lake.read_json(PROBE_METRICS)
    return Missing((PROBE_METRICS,)) if metrics is None else _probe(metrics)


def _probe(metrics: dict[str, Any]) -> Probe:
    same = ("steps", "tokens", "parameters", "training_s", "held_out_bits_per_byte", "unigram_bits_per_byte", "held_out_text_bytes")
    return Probe(
        points=_thin([Point(line["step"], line["loss"]) for line in metrics["log"] if math.isfinite(line["loss"])]),
        **{name: metrics[name] for name in same},
        completions=tuple((prompt[-500:], text[:2_000]) for prompt, text in list(metrics["completions"].items())[:SHOWN_COMPLETIONS]),
        phases=tuple(_phase(phase) for phase in metrics.get("phases", ())),
        kinds=_kinds(metrics.get("phases", ())),
        languages=_languages(metrics.get("phases", ())),
        middles=_middles(metrics.get("fim")),
    )


def _phase(phase: dict[str, Any]) -> ProbePhase:
    bits = phase["held_out"]["model"]["bits_per_byte"] if phase["held_out"] else None
    same = ("name", "window", "steps", "tokens", "learning_rate", "final_loss")
    return ProbePhase(**{name: phase[name] for name in same}, held_out_bits_per_byte=bits)


def _kinds(phases: Sequence[dict[str, Any]]) -> tuple[ProbeKind, ...]:
    if not phases:
        return ()
    losses, held_out = phases[-1]["loss_by_kind"], (phases[-1]["held_out"] or {"by_kind": {}})["by_kind"]
    bits = {kind: one["bits_per_byte"] for kind, one in held_out.items()}
    return tuple(ProbeKind(kind, losses.get(kind), bits.get(kind)) for kind in sorted({*losses, *bits}))


def _languages(phases: Sequence[dict[str, Any]]) -> tuple[ProbeLanguage, ...]:
    """Most text first; none where the shards do not say them."""
    held_out = phases[-1]["held_out"] if phases else None
    found = (held_out or {}).get("by_language", {})
    rows = [ProbeLanguage(name, bits["bits_per_byte"], bits["text_bytes"]) for name, bits in found.items() if name != UNKNOWN]
    return tuple(sorted(rows, key=lambda row: (-row.text_bytes, row.language))[:SHOWN_LANGUAGES])


def _middles(fim: dict[str, Any] | None) -> Middles | None:
    return None if fim is None else Middles(**{field.name: fim[field.name] for field in fields(Middles)})


def _thin(points: list[Point]) -> tuple[Point, ...]:
    """At most `SHOWN_POINTS` of them, evenly spaced, first and last included."""
    if len(points) <= SHOWN_POINTS:
        return tuple(points)
    return tuple(points[round(i * (len(points) - 1) / (SHOWN_POINTS - 1))] for i in range(SHOWN_POINTS))
