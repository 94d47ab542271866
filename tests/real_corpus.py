"""Real files of this machine in ten languages and more, for proofs, their way into a lake without its ingest, and what was found in it."""

import hashlib
from collections import Counter

import numpy as np
import pyarrow as pa

from benchmarks.code import text_files
from benchmarks.lakes import files_of
from jobs.runtime.tables import Tables
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES
from schemas.ingest import CONTENTS, FILES

MOST_BYTES = 256 << 10


def real_texts(files: int) -> dict[str, str]:
    """Texts by key, as many of each ending as there are up to a bound, so that the common ones do not crowd out the others."""
    found: dict[str, str] = {}
    endings: Counter[str] = Counter()
    for path in text_files():
        if endings[path.suffix] >= files * 3 // 5 or path.stat().st_size > MOST_BYTES:
            continue
        text = path.read_bytes().decode(errors="replace")
        key = hashlib.sha256(text.encode()).hexdigest()
        if text.strip() and key not in found:
            found[key] = text
            endings[path.suffix] += 1
        if len(found) == files:
            break
    assert len(found) == files and sum(count >= 5 for count in endings.values()) >= 10, endings
    return found


def put(tables: Tables, texts: dict[str, str]) -> None:
    """Appends texts by key to the lake's contents, each a file."""
    rows = pa.table(
        {
            "content_sha256": pa.array(texts),
            "text": pa.array(texts.values()),
            "size_bytes": pa.array([len(text.encode()) for text in texts.values()], pa.int64()),
        }
    )
    for start in range(0, len(rows), 2000):  # no more in one message to the JVM
        part = tables.spark.createDataFrame(rows.slice(start, 2000)).select(*CONTENTS.names)
        part.coalesce(1).write.format("delta").mode("append").save(tables.lake.spark_path(CONTENTS.name))
        files = tables.spark.createDataFrame(files_of(pa.array(list(texts)[start : start + 2000])))
        files.coalesce(1).write.format("delta").mode("append").save(tables.lake.spark_path(FILES.name))


def edges_and_groups(tables: Tables, texts: dict[str, str]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Pairs a < b that were found, and the group of each text as its least member, by positions in `texts`."""
    place = {key: position for position, key in enumerate(texts)}
    first: dict[int, int] = {}
    least: dict[int, int] = {}
    group = np.arange(len(texts))
    for row in sorted(tables.lake.read(DUPLICATES).to_pylist(), key=lambda row: place[row["content_sha256"]]):
        at = place[row["content_sha256"]]
        first.setdefault(row["node"], at)
        group[at] = least.setdefault(row["group_id"], at)
    rows = [row for row in tables.lake.read(DUPLICATE_PAIRS).to_pylist() if row["is_duplicate"]]
    return [(min(a, b), max(a, b)) for a, b in ((first[row["a"]], first[row["b"]]) for row in rows)], group
