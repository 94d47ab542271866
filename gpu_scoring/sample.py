"""Which files or pages an oracle is asked about: a sample drawn by content key, of files stratified by language.

The shape is that of the report's Table 17, 222,066 files of 21 languages, scaled to the number asked. Of each language files are taken in
the order of a draw by key, so that more of it goes on from where less ended, and new files change no old draw.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from udfs.draws import uniform

SEED = "labels"
REPORT_SHAPE = {
    "Python": 26_924, "Shell": 10_194, "Ruby": 10_187, "Go": 10_185, "TypeScript": 10_179, "MATLAB": 10_165, "Java": 10_161, "C#": 10_112,
    "SQL": 10_110, "JavaScript": 10_110, "CSS": 10_053, "Kotlin": 10_051, "PHP": 10_049, "C": 10_020, "reStructuredText": 9_951,
    "C++": 9_938, "HTML": 9_422, "R": 9_379, "TeX": 9_156, "Markdown": 8_845, "RMarkdown": 6_875,
}  # fmt: skip
MOST_OF_QUOTA = 2  # what a language lacks goes to the others, up to so many times their own


_SCHEMA = pa.schema([("content_sha256", pa.string()), ("language", pa.string()), ("draw", pa.float64())])


@dataclass(frozen=True)
class Sample:
    """`rows`: content_sha256, language, draw, in the order in which they are asked about: of a stratified sample any beginning has the
    shape of the whole, and `draw` is a row's place among those of its language, on (0, 1). `wanted` and `found` by language."""

    rows: pa.Table
    wanted: dict[str, int]
    found: dict[str, int]


def quotas(count: int, shape: dict[str, int]) -> dict[str, int]:
    """`count` split as `shape`, by largest remainders."""
    whole = sum(shape.values())
    exact = {name: count * share / whole for name, share in shape.items()}
    found = {name: int(value) for name, value in exact.items()}
    for name in sorted(shape, key=lambda name: (found[name] - exact[name], name))[: count - sum(found.values())]:
        found[name] += 1
    return found


def allocated(count: int, shape: dict[str, int], available: dict[str, int]) -> dict[str, int]:
    """How many of each language are taken: its quota, less where there are fewer, more where others have fewer."""
    quota = quotas(count, shape)
    found = {name: min(quota[name], available.get(name, 0)) for name in shape}
    while missing := count - sum(found.values()):
        room = {name: min(MOST_OF_QUOTA * quota[name], available.get(name, 0)) - found[name] for name in shape}
        open_shape = {name: shape[name] for name, left in room.items() if left > 0}
        if not open_shape:
            break
        for name, more in quotas(missing, open_shape).items():
            found[name] += min(more, room[name])
    return found


def drawn(batches: Iterable[pa.RecordBatch], count: int, shape: dict[str, int] | None) -> Sample:
    """A sample of `batches` (candidate: content key, language), which stream: in memory is at most twice what is taken.

    `shape` None takes them as they are, whatever their language; a key that comes again, with its language, is one.
    """
    return _plain(batches, count) if shape is None else _stratified(batches, count, shape)


def _plain(batches: Iterable[pa.RecordBatch], count: int) -> Sample:
    held = _SCHEMA.empty_table()
    for batch in batches:
        held = _first(_distinct(pa.concat_tables([held, _with_draws(batch)])), count)
    found = dict(Counter(held.column("language").to_pylist()))
    return Sample(held, found, found)


def _stratified(batches: Iterable[pa.RecordBatch], count: int, shape: dict[str, int]) -> Sample:
    most = {name: max(1, MOST_OF_QUOTA * quota) for name, quota in quotas(count, shape).items()}
    available: Counter[str] = Counter()
    held = {name: _SCHEMA.empty_table() for name in shape}
    for batch in batches:
        rows = _with_draws(batch)
        for name in set(pc.unique(rows.column("language")).to_pylist()) & set(shape):
            of_language = rows.filter(pc.equal(rows.column("language"), name))
            available[name] += len(of_language)
            held[name] = _first(pa.concat_tables([held[name], of_language]), most[name])
    taken = allocated(count, shape, available)
    rows = pa.concat_tables([_spread(held[name].slice(0, taken[name])) for name in shape])
    return Sample(_first(rows, count), quotas(count, shape), taken)


def _spread(rows: pa.Table) -> pa.Table:
    """Places in (0, 1) for draws: those of a plentiful language are all small, those of a scarce one reach 1."""
    return rows.set_column(2, _SCHEMA.field(2), pa.array((np.arange(len(rows)) + 0.5) / max(1, len(rows))))


def _with_draws(batch: pa.RecordBatch) -> pa.Table:
    keys, languages = batch.column("candidate"), batch.column("language")
    rows = pa.table([keys, languages, pa.array(uniform(keys, SEED))], schema=_SCHEMA)
    return rows.filter(pc.is_valid(languages))


def _distinct(rows: pa.Table) -> pa.Table:
    return rows.group_by(_SCHEMA.names, use_threads=False).aggregate([])


def _first(rows: pa.Table, count: int) -> pa.Table:
    return rows.sort_by([("draw", "ascending"), ("content_sha256", "ascending")]).slice(0, count).combine_chunks()
