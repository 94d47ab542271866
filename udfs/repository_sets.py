"""Repositories as sets, out of a sorted stream of their files: a hash of the texts, and a MinHash signature of the duplicate groups.

Two repositories are alike by the Jaccard similarity of the sets of groups that their files are in, where a file counts one, however long.
The signature is MinHash with k permutations (Broder 1997): coordinate j is the least value of the j-th hash of the set's groups.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from udfs.compiled import compiled
from udfs.shingles import mix, text_buffers

_STEP = np.uint64(0x9E3779B97F4A7C15)
_EMPTY = np.uint32(0xFFFFFFFF)


@compiled
def _lower(groups: Any, least: Any) -> None:
    """Lowers each coordinate of `least` (uint32) to the least hash of the groups (uint64)."""
    for group in groups:
        for j in range(len(least)):
            least[j] = min(least[j], np.uint32(mix(group + np.uint64(j + 1) * _STEP) >> np.uint64(32)))


def _runs(names: pa.Array) -> list[tuple[str, int, int]]:
    """Each name of a sorted column with the rows, start and stop, that have it."""
    ends = pc.run_end_encode(names)
    stops = ends.run_ends.to_pylist()
    return list(zip(ends.values.to_pylist(), [0, *stops[:-1]], stops, strict=True))


def identities(batches: Iterable[pa.RecordBatch], hashes: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows of `schema` (repository, content_count, content_hash, signature), one per repository.

    Batches have `repository`, `content_sha256` and `group_id`, sorted by the first two, without repetitions. content_hash: SHA-256, in hex,
    of the sorted keys one after the other. signature: `hashes` little-endian uint32. No more than a batch is held.
    """
    name: str | None = None
    count, digest, least = 0, hashlib.sha256(), np.full(hashes, _EMPTY)

    def row() -> dict[str, Any]:
        return {"repository": name, "content_count": count, "content_hash": digest.hexdigest(), "signature": least.astype("<u4").tobytes()}

    for batch in batches:
        rows = []
        keys, offsets = text_buffers(batch.column("content_sha256"))
        groups = np.asarray(batch.column("group_id")).view(np.uint64)
        for repository, start, stop in _runs(batch.column("repository")):
            if repository != name:
                rows += [row()] if name is not None else []
                name, count, digest, least = repository, 0, hashlib.sha256(), np.full(hashes, _EMPTY)
            count += stop - start
            digest.update(keys[offsets[start] : offsets[stop]].tobytes())
            _lower(groups[start:stop], least)
        yield pa.RecordBatch.from_pylist(rows, schema=schema)
    if name is not None:
        yield pa.RecordBatch.from_pylist([row()], schema=schema)
