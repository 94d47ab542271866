"""Pairs of near-duplicates: the curve by which they were looked for, how many were found, and how many mistakes that lets one expect."""

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
    target, version = grouping.params.target, literal(grouping.version)
    checked = _counts(tables, f"cast(floor(similarity * {_FINE} + 1e-6) as bigint)", f"version = {version} and is_true")
    agreeing = f"cast(round(({agreement(0)} + similarity * {1 - agreement(0)}) * {target.hashes}) as bigint)"
    accepted = _counts(tables, agreeing, f"version = {version} and not is_true")
    below = sum(count for (_, is_duplicate), count in checked.items() if not is_duplicate)
    return _pairs(target, checked, {agreeing: count for (agreeing, _), count in accepted.items()}, below)


def _counts(tables: LakeTables, what: str, where: str) -> dict[tuple[int, bool], int]:
    rows = tables.rows(f"""
        select {what} as place, is_duplicate, count(*) as pairs from annotate_duplicate_pairs where {where} group by 1, 2 order by 1, 2""")
    return {(row["place"], row["is_duplicate"]): row["pairs"] for row in rows}


def _pairs(target: Target, checked: dict[tuple[int, bool], int], accepted: dict[int, int], below: int) -> Pairs:
    """checked: pairs by thousandths of their true similarity and by whether it reaches the threshold; accepted: by agreeing hashes."""
    estimated = {agreeing: (agreeing / target.hashes - agreement(0)) / (1 - agreement(0)) for agreeing in accepted}
    # At the lower end of its class a pair is found least often: misses come out too many, not too few.
    alike = [(place / _FINE, count) for (place, is_duplicate), count in checked.items() if is_duplicate]
    alike += [(estimated[agreeing], count) for agreeing, count in accepted.items()]
    every = [(place / _FINE, count) for (place, _), count in checked.items()] + alike[len(alike) - len(accepted) :]
    # At the upper end of its class a pair below the threshold is accepted most often.
    unlike = [((place + 1) / _FINE, count) for (place, is_duplicate), count in checked.items() if not is_duplicate]
    return Pairs(
        target=target,
        curve=tuple((point / CURVE_POINTS, target.banding.chance(point / CURVE_POINTS)) for point in range(CURVE_POINTS + 1)),
        classes=_classes(target, every),
        checked=sum(checked.values()),
        below=below,
        by_signature=sum(accepted.values()),
        false_merges=false_merges(accepted, unlike, target, _denser(target, checked)),
        never_met=misses([(_meets(target, similarity), count) for similarity, count in alike]),
        set_aside=misses([(_passes(target, similarity), count) for similarity, count in alike]),
    )


def _passes(target: Target, similarity: float) -> float:
    return chance_of_agreeing(similarity, target.hashes, target.low)


def _meets(target: Target, similarity: float) -> float:
    """Chance of being found for a pair that is either found or not looked at: one that is set aside is counted there."""
    met, passes = target.banding.chance(similarity), _passes(target, similarity)
    return met * passes / (1 - met * (1 - passes))


def _denser(target: Target, checked: dict[tuple[int, bool], int]) -> float:
    """How many times as many pairs lie just below the threshold as just above, by those whose true similarity is known; at least 1."""
    far = (target.high - target.low) / target.hashes / 2
    near = [(is_alike, count) for (place, is_alike), count in checked.items() if abs(place / _FINE - target.threshold) <= far]
    below, above = (sum(count for is_alike, count in near if is_alike == wanted) for wanted in (False, True))
    return max(1.0, (below + 1) / (above + 1))


def _classes(target: Target, pairs: list[tuple[float, int]]) -> tuple[SimilarityClass, ...]:
    """From the class below the least similarity whose estimate can pass to that of equal texts; the most alike first."""
    found = []
    for place in range(int(target.low / target.hashes * CLASSES), CLASSES):
        least, middle = place / CLASSES, (place + 0.5) / CLASSES
        inside = [(s, count) for s, count in pairs if place == min(CLASSES - 1, int(s * CLASSES + 1e-9))]
        expected = sum(count / (target.banding.chance(s) * _passes(target, s)) for s, count in inside if s > 0)
        looked_at = target.banding.chance(middle)
        found.append(SimilarityClass(least, looked_at, looked_at * _passes(target, middle), sum(n for _, n in inside), expected))
    return tuple(reversed(found))
