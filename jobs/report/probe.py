"""What the probe learnt: its loss, its bits per byte, what it writes. As `training.record` writes it."""

import math
from dataclasses import dataclass
from typing import Any

from jobs.report.tables import LakeTables, Missing
from schemas.lake import PROBE_METRICS

SHOWN_POINTS = 400
SHOWN_COMPLETIONS = 6


@dataclass(frozen=True)
class Point:
    """`loss` is in nats per token; a loss that is no number is left out."""

    step: int
    loss: float


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


def collect_probe(tables: LakeTables) -> Probe | Missing:
    metrics = tables.lake.read_json(PROBE_METRICS)
    return Missing((PROBE_METRICS,)) if metrics is None else _probe(metrics)


def _probe(metrics: dict[str, Any]) -> Probe:
    same = ("steps", "tokens", "parameters", "training_s", "held_out_bits_per_byte", "unigram_bits_per_byte", "held_out_text_bytes")
    return Probe(
        points=_thin([Point(line["step"], line["loss"]) for line in metrics["log"] if math.isfinite(line["loss"])]),
        **{name: metrics[name] for name in same},
        completions=tuple((prompt[-500:], text[:2_000]) for prompt, text in list(metrics["completions"].items())[:SHOWN_COMPLETIONS]),
    )


def _thin(points: list[Point]) -> tuple[Point, ...]:
    """At most `SHOWN_POINTS` of them, evenly spaced, first and last included."""
    if len(points) <= SHOWN_POINTS:
        return tuple(points)
    return tuple(points[round(i * (len(points) - 1) / (SHOWN_POINTS - 1))] for i in range(SHOWN_POINTS))
