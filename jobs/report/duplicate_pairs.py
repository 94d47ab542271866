"""Pairs of near-duplicates: the curve by which they were looked for, how many were found, and how many mistakes that lets one expect."""

from collections import defaultdict
from dataclasses import dataclass

from jobs.annotate.candidates import Target
from jobs.report.duplicates import Grouping
from jobs.report.estimates import Estimate, agreement, chance_of_agreeing, false_merges, misses
from jobs.report.tables import LakeTables, Missing, literal
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES
from schemas.ledger import LEDGER

CURVE_POINTS = 100
CLASSES = 20  # of similarity, of equal width
_FINE = 1_000  # true similarities are counted in classes of that width


@dataclass(frozen=True)
class SimilarityClass:
    """Pairs of at least `least` and less than the next class's similarity.

    `looked_at` and `found` are the chances with which a pair in the middle of the class is, by computation. `pairs` of them are in the
    table; `expected` is how many there are then in all, found or not.
    """

    least: float
    looked_at: float
    found: float
    pairs: int
    expected: float


@dataclass(frozen=True)
class Pairs:
    """`checked` pairs had their texts compared, `below` of them were below the threshold; `by_signature` were accepted without.

    `curve` are points (similarity, chance of being looked at). `never_met` are pairs at or above the threshold that no bucket brought
    together, `set_aside` those that met and whose signatures looked too unlike.
    """

    target: Target
    curve: tuple[tuple[float, float], ...]
    classes: tuple[SimilarityClass, ...]
    checked: int
    below: int
    by_signature: int
    false_merges: Estimate
    never_met: Estimate
    set_aside: Estimate

    @property
    def duplicates(self) -> int:
        return self.checked - self.below + self.by_signature

    @property
    def chance_at_threshold(self) -> float:
        return self.target.banding.chance(self.target.threshold)


def collect_pairs(tables: LakeTables, grouping: Grouping | None) -> Pairs | Missing | None:
    """None where the parameters of the run are not known."""
    missing = tables.missing(DUPLICATES, DUPLICATE_PAIRS, LEDGER)
    if missing:
        return missing
    if grouping is None or grouping.params is None:
        return None
    target, of_version = grouping.params.target, f"version = {literal(grouping.version)}"
    thousandth = f"cast(floor(similarity * {_FINE} + 1e-6) as bigint)"
    agreeing = f"cast(round(({agreement(0)} + similarity * {1 - agreement(0)}) * {target.hashes}) as bigint)"
    return _pairs(
        target,
        below=_counts(tables, thousandth, f"{of_version} and is_true and not is_duplicate"),
        reached=_counts(tables, thousandth, f"{of_version} and is_true and is_duplicate"),
        accepted=_counts(tables, agreeing, f"{of_version} and not is_true"),
    )


def _counts(tables: LakeTables, what: str, where: str) -> dict[int, int]:
    rows = tables.rows(f"select {what} as place, count(*) as pairs from annotate_duplicate_pairs where {where} group by 1 order by 1")
    return {row["place"]: row["pairs"] for row in rows}


def _pairs(target: Target, below: dict[int, int], reached: dict[int, int], accepted: dict[int, int]) -> Pairs:
    """below, reached: pairs whose texts were compared, by thousandths of their similarity; accepted: the others, by agreeing hashes."""
    # Where a pair may lie anywhere in its class: misses and false merges come out too many, not too few.
    alike = [(place / _FINE, count) for place, count in reached.items()]
    alike += [((agreeing / target.hashes - agreement(0)) / (1 - agreement(0)), count) for agreeing, count in accepted.items()]
    unlike = [((place + 1) / _FINE, count) for place, count in below.items()]
    return Pairs(
        target=target,
        curve=tuple((point / CURVE_POINTS, target.banding.chance(point / CURVE_POINTS)) for point in range(CURVE_POINTS + 1)),
        classes=_classes(target, [*alike, *((place / _FINE, count) for place, count in below.items())]),
        checked=sum(below.values()) + sum(reached.values()),
        below=sum(below.values()),
        by_signature=sum(accepted.values()),
        false_merges=false_merges(accepted, unlike, target, _denser(target, below, reached)),
        never_met=misses([(_meets(target, similarity), count) for similarity, count in alike]),
        set_aside=misses([(_passes(target, similarity), count) for similarity, count in alike]),
    )


def _passes(target: Target, similarity: float) -> float:
    return chance_of_agreeing(similarity, target.hashes, target.low)


def _meets(target: Target, similarity: float) -> float:
    """Chance of being found for a pair that is either found or not looked at: one that is set aside is counted there."""
    met, passes = target.banding.chance(similarity), _passes(target, similarity)
    return met * passes / (1 - met * (1 - passes))


def _denser(target: Target, below: dict[int, int], reached: dict[int, int]) -> float:
    """How many times as many pairs lie just below the threshold as just above, by those whose true similarity is known; at least 1."""
    far = (target.high - target.low) / target.hashes / 2
    near = [sum(n for place, n in pairs.items() if abs(place / _FINE - target.threshold) <= far) for pairs in (below, reached)]
    return max(1.0, (near[0] + 1) / (near[1] + 1))


def _classes(target: Target, pairs: list[tuple[float, int]]) -> tuple[SimilarityClass, ...]:
    """The most alike first, down to the least alike that were found, at least to the class whose estimates begin to pass."""
    by_place: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for similarity, count in pairs:
        by_place[min(CLASSES - 1, int(similarity * CLASSES + 1e-9))].append((similarity, count))
    lowest = min([int(target.low / target.hashes * CLASSES), *by_place])
    return tuple(_class(target, place, by_place[place]) for place in range(CLASSES - 1, lowest - 1, -1))


def _class(target: Target, place: int, inside: list[tuple[float, int]]) -> SimilarityClass:
    def looked_at(similarity: float) -> float:
        return target.banding.chance(similarity)

    def found(similarity: float) -> float:
        return looked_at(similarity) * _passes(target, similarity)

    middle = (place + 0.5) / CLASSES
    expected = sum(count / found(similarity) for similarity, count in inside if found(similarity) > 0)
    return SimilarityClass(place / CLASSES, looked_at(middle), found(middle), sum(count for _, count in inside), expected)
