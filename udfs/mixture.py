"""What a mixture is made of: a phase asks for shares of tokens, and the solver says how often each document is taken.

A document belongs to the first lot whose condition it meets; what meets none is not in the mixture. A lot that is taken 2.3 times is taken
twice, and of its documents those whose draw is below a rate a third time: a larger wish takes what a smaller one took, and new documents
change no old draw.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

KINDS = ("file", "repository", "commit", "page")
PACKINGS = ("concatenate", "best_fit")
BY = ("language", "repository", "set")
NO_LANGUAGE = "none"  # of a document without one
LONG_FILE_BYTES = 28_672  # longer than the first phase's window of 8,192 tokens, at 3.5 bytes each: what a long file is
TOLERANCE = 0.001  # of a lot's tokens: beyond it the plan says why
Types = Mapping[str, tuple[str, tuple[type, ...]]]
_NUMBER, _TEXT, _WHOLE, _TUPLE = ("a number", (int, float)), ("a text", (str,)), ("a whole number", (int,)), ("a tuple", (tuple,))
_PHASE_TYPES: Types = {"name": _TEXT, "window": _WHOLE, "fim_rate": _NUMBER, "packing": _TEXT, "shares": _TUPLE}
_SHARE_TYPES: Types = {
    "kind": _TEXT, "share": _NUMBER, "name": _TEXT, "max_epochs": _NUMBER, "by": _TEXT, "within": _TUPLE, "least_bytes": _WHOLE,
    "least_score_percent": _WHOLE, "sets": _TUPLE,
}  # fmt: skip


class MixtureError(Exception):
    """A recipe asks for what cannot be: it contradicts itself, or there is not enough."""


@dataclass(frozen=True)
class Share:
    """A share of a phase's tokens. `share` 0 in all shares of a phase: each document once, whatever comes of it.

    `by` divides the share: by language, by repository (of a page: its host), or by high-quality set, of which a document can be in
    several. `within` are names with their shares of it; what they leave goes to all others together, in proportion to their tokens.
    `sets` are high-quality sets, of one of which a document must be. `max_epochs` is how often a document may be read.
    """

    kind: str
    share: float = 0.0
    name: str = ""
    max_epochs: float = 1.0
    by: str = ""
    within: tuple[tuple[str, float], ...] = ()
    least_bytes: int = 0
    least_score_percent: int = 0
    sets: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name or self.kind


@dataclass(frozen=True)
class Lot:
    """Documents that are weighed together. `condition` is SQL over kind, language, repository, size_bytes, score_percent, and `sets`
    where the phase asks for any: names with a comma before and after each, null for none.
    """

    label: str
    kind: str
    share: float
    max_epochs: float
    condition: str


@dataclass(frozen=True)
class Phase:
    """How a part of training is mixed and packed. `total_tokens` None: as much as the shares and the limits on epochs leave to take."""

    name: str
    window: int
    fim_rate: float
    shares: tuple[Share, ...]
    total_tokens: int | None = None
    packing: str = "concatenate"

    @property
    def is_whole(self) -> bool:
        """Whether each document is taken once, and nothing is weighed."""
        return not any(share.share for share in self.shares)

    @property
    def sets(self) -> tuple[str, ...]:
        """All high-quality sets that it names."""
        named = {name for share in self.shares for name in share.sets}
        return tuple(sorted(named | {name for share in self.shares if share.by == "set" for name, _ in share.within}))

    @property
    def lots(self) -> tuple[Lot, ...]:
        """Lots in the order in which a document is offered to them."""
        return tuple(lot for share in self.shares for lot in _lots_of(share) if lot.share > 0 or self.is_whole)


def _lots_of(share: Share) -> Iterator[Lot]:
    conditions = [f"kind = '{share.kind}'"]
    conditions += [f"size_bytes >= {share.least_bytes}"] if share.least_bytes else []
    conditions += [f"coalesce(score_percent, -1) >= {share.least_score_percent}"] if share.least_score_percent else []
    conditions += [f"({' or '.join(map(_is_in, share.sets))})"] if share.sets else []
    fits = " and ".join(conditions)
    for name, part in share.within:
        is_it = _is_in(name) if share.by == "set" else f"{share.by} = '{name}'"
        yield Lot(f"{share.label}: {name}", share.kind, share.share * part, share.max_epochs, f"{fits} and {is_it}")
    rest = 1 - math.fsum(part for _, part in share.within)
    label = f"{share.label}: others" if share.within else share.label
    yield Lot(label, share.kind, share.share * (rest if rest > 1e-9 else 0), share.max_epochs, fits)


def _is_in(name: str) -> str:
    return f"coalesce(sets, '') like '%,{name},%'"


def lot_number(phase: Phase) -> str:
    """SQL: the number of the lot that a document belongs to, null where it belongs to none. What is held out belongs to the kind alone."""
    cases = [f"when {lot.condition} then {number}" for number, lot in enumerate(phase.lots)]
    first = {lot.kind: number for number, lot in reversed(list(enumerate(phase.lots)))}
    held_out = [f"when split = 'held_out' and kind = '{kind}' then {number}" for kind, number in first.items()]
    return f"case {' '.join(held_out + cases)} end"


def check_phase(phase: Phase) -> None:
    """Raises `MixtureError` with everything that is wrong with a recipe before it meets any data."""
    faults = list(_type_faults(phase)) or list(_faults(phase))  # the second calculate with what the first look at
    if faults:
        raise MixtureError(f"the recipe {phase.name!r} cannot be used:\n  " + "\n  ".join(faults))


def _type_faults(phase: Phase) -> Iterator[str]:
    yield from _of_other_types(phase, _PHASE_TYPES)
    if phase.total_tokens is not None and not isinstance(phase.total_tokens, int):
        yield f"its total_tokens is {phase.total_tokens!r}; expected a whole number, or None"
    for share in phase.shares if isinstance(phase.shares, tuple) else ():
        if not isinstance(share, Share):
            yield f"among its shares is {share!r}; expected a Share"
            continue
        yield from (f"share {share.label!r}: {fault}" for fault in _of_other_types(share, _SHARE_TYPES))
        if isinstance(share.within, tuple) and not all(map(_is_named_part, share.within)):
            yield f"share {share.label!r}: its within is {share.within!r}; expected names with numbers, such as (('C', 0.5), ('Go', 0.2))"
        if isinstance(share.sets, tuple) and not all(isinstance(name, str) for name in share.sets):
            yield f"share {share.label!r}: its sets are {share.sets!r}; expected names"


def _of_other_types(found: Phase | Share, expected: Types) -> Iterator[str]:
    for name, (told, types) in expected.items():
        value = getattr(found, name)
        if not isinstance(value, types):
            comma = ", also of one: (ONE,) with a comma" if types == (tuple,) else ""
            yield f"its {name} is {value!r}; expected {told}{comma}"


def _is_named_part(part: object) -> bool:
    return isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], str) and isinstance(part[1], (int, float))


def _faults(phase: Phase) -> Iterator[str]:
    if not phase.shares:
        yield "it has no shares"
    if phase.window < 1:
        yield f"its window is {phase.window} tokens; at least 1 is needed"
    if not phase.is_whole and not all(share.share for share in phase.shares):
        yield "some of its shares are 0 and others are not; that leaves nothing out: their documents would go to the next that they fit"
    if not 0 <= phase.fim_rate <= 1:
        yield f"its fim_rate is {phase.fim_rate}; expected 0 to 1"
    if phase.packing not in PACKINGS:
        yield f"its packing is {phase.packing!r}; expected {' or '.join(PACKINGS)}"
    if phase.total_tokens is not None and (phase.total_tokens < 1 or phase.is_whole):
        yield f"total_tokens is {phase.total_tokens}" + ("; it takes everything once" if phase.is_whole else "; at least 1 is needed")
    total = math.fsum(share.share for share in phase.shares)
    if not phase.is_whole and abs(total - 1) > 1e-6:
        yield f"its shares add up to {total:.6g}; expected 1"
    labels = [lot.label for lot in phase.lots]
    if len(set(labels)) < len(labels):
        yield f"two of its shares are called alike: {', '.join(sorted(labels))}"
    for share in phase.shares:
        yield from (f"share {share.label!r}: {fault}" for fault in _share_faults(share))


def _share_faults(share: Share) -> Iterator[str]:
    if share.kind not in KINDS:
        yield f"there is no kind {share.kind!r}; there are {', '.join(KINDS)}"
    if share.least_bytes < 0:
        yield f"its least_bytes is {share.least_bytes}; expected 0 or more"
    if not 0 <= share.least_score_percent <= 100:
        yield f"its least_score_percent is {share.least_score_percent}; expected 0 to 100"
    if not share.share >= 0:
        yield f"it is {share.share}; expected 0 or more"
    if not 0 < share.max_epochs < math.inf:
        yield f"its max_epochs is {share.max_epochs}; expected more than 0"
    if (share.by not in BY if share.within else bool(share.by)) or (share.within and not share.share):
        yield f"it is divided by {share.by!r}; expected one of {', '.join(BY)}, with names and their shares, of a share that is not 0"
    parts = [part for _, part in share.within]
    if any(not part > 0 for part in parts) or math.fsum(parts) > 1 + 1e-6:
        found = ", ".join(map(str, parts))
        yield f"the shares within it are {found}; expected each above 0, because 0 leaves nothing out, and at most 1 together"
    if any("'" in name or "\\" in name for name in (*share.sets, *(name for name, _ in share.within))):
        yield "a name within it has a quote or a backslash"


@dataclass(frozen=True)
class Stock:
    """What there is of a lot."""

    documents: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Wish:
    """What will be taken of a lot. `epochs` is how often its tokens are taken; `is_limit` says that it alone keeps the phase from more."""

    lot: Lot
    stock: Stock
    share: float
    tokens: float
    epochs: float
    is_limit: bool


def solve(phase: Phase, stocks: Sequence[Stock], leave_out_empty: bool = False) -> list[Wish]:
    """What is to be taken of each of `phase.lots`. Raises `MixtureError` where there is not enough, with every lot that lacks tokens.

    A lot without tokens is an error, unless `leave_out_empty`: then its share goes to all others in proportion.
    """
    lots = phase.lots
    empty = [lot.label for lot, stock in zip(lots, stocks, strict=True) if not stock.tokens]
    if len(empty) == len(lots) or (empty and not leave_out_empty):
        raise MixtureError(
            f"the recipe {phase.name!r} asks for {', '.join(empty)}, of which there is nothing. Give it documents, another recipe, or "
            "leave_out_empty=true, which gives the share to the others"
        )
    given = math.fsum(lot.share for lot, stock in zip(lots, stocks, strict=True) if stock.tokens)
    shares = [lot.share / given if stock.tokens else 0.0 for lot, stock in zip(lots, stocks, strict=True)]
    most = [stock.tokens * lot.max_epochs / share if share else math.inf for lot, stock, share in zip(lots, stocks, shares, strict=True)]
    total = phase.total_tokens if phase.total_tokens is not None else min(most)
    lacking = [
        f"{lot.label}: {share * total:,.0f} tokens are asked for; {stock.tokens:,} tokens at most {lot.max_epochs:g} times are "
        f"{stock.tokens * lot.max_epochs:,.0f}"
        for lot, stock, share, limit in zip(lots, stocks, shares, most, strict=True)
        if limit < total * (1 - 1e-9)
    ]
    if lacking:
        raise MixtureError(
            f"there is not enough for {total:,} tokens by the recipe {phase.name!r}; {min(most):,.0f} can be had:\n  "
            + "\n  ".join(lacking)
        )
    return [
        Wish(lot, stock, share, share * total, share * total / stock.tokens if stock.tokens else 0.0, limit <= total * (1 + 1e-9))
        for lot, stock, share, limit in zip(lots, stocks, shares, most, strict=True)
    ]


def whole_and_rest(wish: Wish) -> tuple[int, float]:
    """How often every document is taken, and how many tokens more."""
    whole = math.floor(wish.epochs + 1e-9)
    return whole, max(0.0, wish.tokens - whole * wish.stock.tokens)


def rate_for(draws: np.ndarray, tokens: np.ndarray, wanted: float) -> tuple[float, int]:
    """The rate below which the documents' draws give as nearly `wanted` tokens as they can, and how many tokens they give.

    The rate is 1 or the draw of a document: the first by its draw that is not taken.
    """
    order = np.argsort(draws, kind="stable")
    cut, first = np.unique(draws[order], return_index=True)
    sums = np.concatenate([[0], np.cumsum(tokens[order], dtype=np.int64)])
    rates, taken = np.append(cut, 1.0), sums[np.append(first, len(order))]
    best = int(np.argmin(np.abs(taken - wanted)))
    return float(rates[best]), int(taken[best])


def note(wish: Wish, taken: int) -> str:
    """Why a lot misses its share by more than `TOLERANCE`; empty where it does not."""
    if not wish.stock.tokens:
        return f"there is nothing of it: its {wish.lot.share:.1%} went to the others"
    off = taken / wish.tokens - 1 if wish.tokens else 0.0
    if abs(off) <= TOLERANCE:
        return ""
    size = wish.stock.tokens / wish.stock.documents
    return f"{off:+.1%} off: a document is taken whole, and its {wish.stock.documents:,} have {size:,.0f} tokens on average"
