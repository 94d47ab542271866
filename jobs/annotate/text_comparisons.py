"""True Jaccard similarity of pairs of texts that the driver names: each is read once, where it lies, and no set passes through the JVM.

One step reads the texts and puts their shingle sets aside, a file a task; the next one compares them, a part of the pairs a task, which
reads the sets of its part and no others. Parts are cut so that their sets fit into memory (`udfs.comparisons`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.runtime.staging import Staging
from jobs.runtime.tables import Tables
from jobs.runtime.text_ranges import ranges_of, texts_of_ranges
from jobs.runtime.texts import KEY, TEXT
from schemas.ingest import CONTENTS
from schemas.lake import filesystem_of
from udfs.comparisons import in_parts, similarities
from udfs.shingles import shingle_sets

MOST_SHINGLES = 16_384  # of a set; beyond them the smallest stand for all, at a standard error of at most 0.004
PART_BYTES, LEAST_PART_BYTES = 48 << 20, 4 << 20  # of the sets that a task compares
SETS = pa.schema([("place", pa.int32()), ("shingles", pa.large_list(pa.uint32()))])
PAIRS = pa.schema([("a", pa.int32()), ("b", pa.int32())])
# Batch `batch` of an Arrow file holds sets of the part; of what the texts of a task have one row says how many, and their bytes.
_ASIDE = "part int, file string, batch int, texts long, text_bytes long"


@dataclass(frozen=True)
class Wanted:
    """Texts by their keys; set `place` belongs to the parts[starts[place]:starts[place + 1]]."""

    keys: pa.Array
    starts: np.ndarray
    parts: np.ndarray

    @staticmethod
    def of(keys: pa.Array, a: np.ndarray, b: np.ndarray, part: np.ndarray) -> "Wanted":
        place_and_part = np.unique((np.concatenate([a, b]).astype(np.int64) << 32) | np.tile(part, 2))
        starts = np.searchsorted(place_and_part >> 32, np.arange(len(keys) + 1))
        return Wanted(keys, starts, (place_and_part & 0xFFFFFFFF).astype(np.int32))


def similarities_of_texts(
    tables: Tables, staging: Staging, keys: pa.Array, shingles: np.ndarray, a: np.ndarray, b: np.ndarray, width: int
) -> np.ndarray:
    """Similarity of the texts keys[a[i]] and keys[b[i]]. shingles: of each text so many at most.

    Raises KeyError where a text is not there: the table changed under the job.
    """
    ranges = ranges_of(tables, CONTENTS) if len(a) else None
    if ranges is None:
        return np.empty(0)
    size = 4 * np.minimum(shingles, MOST_SHINGLES)
    order, part = in_parts(a, b, size, min(PART_BYTES, max(LEAST_PART_BYTES, int(size.sum()) // (2 * tables.cores))))
    a, b = a[order], b[order]
    folder = staging.folder("sets")
    write_pairs(f"{folder}/pairs.arrow", a, b, part)
    aside = ranges.mapInArrow(partial(put_aside, wanted=Wanted.of(keys, a, b, part), width=width, folder=folder), _ASIDE).toArrow()
    totals = aside.filter(pc.is_null(aside.column("part")))
    tables.account.read_bytes += pc.sum(totals.column("text_bytes")).as_py() or 0
    found = pc.sum(totals.column("texts")).as_py() or 0
    if found != len(keys):
        raise KeyError(f"{len(keys) - found} of {len(keys)} contents are not in {tables.lake.path(CONTENTS.name)}")
    aside = aside.filter(pc.is_valid(aside.column("part"))).select(["part", "file", "batch"])
    rows = tables.spark.createDataFrame(aside).repartitionById(int(part[-1]) + 1, "part")
    compared = rows.mapInArrow(partial(compare_part, pairs=f"{folder}/pairs.arrow"), "part int, similarities binary").toArrow()
    by_part = np.argsort(compared.column("part").to_numpy())
    out = np.empty(len(a))
    out[order] = np.concatenate([np.frombuffer(compared.column("similarities")[int(place)].as_py()) for place in by_part])
    return out


def write_pairs(address: str, a: np.ndarray, b: np.ndarray, part: np.ndarray) -> None:
    """Batch n of the file holds the pairs of part n."""
    filesystem, path = filesystem_of(address)
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(part)]
    with filesystem.open_output_stream(path) as out, pa.ipc.new_file(out, PAIRS) as file:
        for start, end in pairwise(edges):
            file.write_batch(pa.RecordBatch.from_arrays([pa.array(ids[start:end], pa.int32()) for ids in (a, b)], schema=PAIRS))


def put_aside(batches: Iterable[pa.RecordBatch], wanted: Wanted, width: int, folder: str) -> Iterator[pa.RecordBatch]:
    """Writes the shingle sets of a task's texts into one file, once for each part that they belong to. Yields rows of _ASIDE."""
    import uuid

    filesystem, root = filesystem_of(folder)
    name, parts, texts, text_bytes = f"{root}/{uuid.uuid4().hex}.arrow", [], 0, 0
    with filesystem.open_output_stream(name) as out, pa.ipc.new_file(out, SETS) as file:
        for batch in texts_of_ranges(batches, wanted.keys):
            place = np.asarray(pc.index_in(batch.column(KEY), value_set=wanted.keys))
            sets = shingle_sets(batch.column(TEXT), width, MOST_SHINGLES)
            texts += len(place)
            text_bytes += pc.sum(pc.binary_length(batch.column(TEXT))).as_py()
            counts = wanted.starts[place + 1] - wanted.starts[place]
            row = np.repeat(np.arange(len(place)), counts)
            part = np.concatenate([wanted.parts[wanted.starts[n] : wanted.starts[n + 1]] for n in place])
            for one in np.unique(part).tolist():
                rows = row[part == one]
                file.write_batch(pa.RecordBatch.from_arrays([pa.array(place[rows], pa.int32()), sets.take(pa.array(rows))], schema=SETS))
                parts.append(one)
    count = len(parts)
    columns = [[*parts, None], [f"{folder}/{name.rpartition('/')[2]}"] * (count + 1), [*range(count), None]]
    columns += [[None] * count + [texts], [None] * count + [text_bytes]]
    types = [pa.int32(), pa.string(), pa.int32(), pa.int64(), pa.int64()]
    names = ["part", "file", "batch", "texts", "text_bytes"]
    yield pa.RecordBatch.from_arrays([pa.array(column, kind) for column, kind in zip(columns, types, strict=True)], names=names)


def compare_part(batches: Iterable[pa.RecordBatch], pairs: str) -> Iterator[pa.RecordBatch]:
    """batches: part, file and batch of the sets of one part. Yields the part, and the similarities of its pairs as float64."""
    rows = [row for batch in batches for row in batch.to_pylist()]
    if not rows:
        return
    files = {name: _opened(name) for name in {row["file"] for row in rows}}
    sets = pa.Table.from_batches([files[row["file"]].get_batch(row["batch"]) for row in rows]).combine_chunks()
    place, shingles = (sets.column(name).combine_chunks() for name in ("place", "shingles"))
    place, ends = np.asarray(place), np.asarray(shingles.offsets)
    order = np.argsort(place)
    wanted = _opened(pairs).get_batch(rows[0]["part"])
    a, b = (order[np.searchsorted(place, np.asarray(wanted.column(end)), sorter=order)] for end in ("a", "b"))
    found = similarities(np.asarray(shingles.values), ends, a, b, MOST_SHINGLES)
    yield pa.RecordBatch.from_arrays([pa.array([rows[0]["part"]], pa.int32()), pa.array([found.tobytes()])], names=["part", "similarities"])


def _opened(address: str) -> pa.ipc.RecordBatchFileReader:
    filesystem, path = filesystem_of(address)
    return pa.ipc.open_file(filesystem.open_input_file(path))
