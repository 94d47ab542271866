"""Texts are read where they lie: every wanted key once per row that wants it, whatever the number of tasks."""

import hashlib
import random

import pyarrow as pa
import pytest

from jobs.runtime.job import Insert
from jobs.runtime.texts import located, map_texts
from schemas.ingest import CONTENTS
from schemas.spark import spark_schema


def texts(count, seed=3):
    draw = random.Random(seed)
    found = ["", "x" * 300_000, "ünïcödé\r\n\u2028"] + ["".join(draw.choices("abc é\n", k=draw.randint(0, 4000))) for _ in range(count)]
    return {hashlib.sha256(text.encode()).hexdigest(): text for text in found}


def hashed():
    """A function of batches; made here, because workers cannot import this module and a nested function travels by value."""
    schema = pa.schema(dict.fromkeys(["key", "label", "found"], pa.string()))

    def hash_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
        found = [hashlib.sha256(text.encode()).hexdigest() for text in batch.column("text").to_pylist()]
        return pa.RecordBatch.from_arrays([batch.column("content_sha256"), batch.column("label"), pa.array(found)], schema=schema)

    return hash_texts


@pytest.mark.parametrize("tasks", [1, 3, 17])
def test_every_wanted_row_gets_its_text_once(tables, tasks):
    known = texts(400)
    for part in range(2):  # two files of texts at least
        rows = [(key, text, len(text.encode())) for i, (key, text) in enumerate(known.items()) if i % 2 == part]
        tables.apply(Insert(CONTENTS, tables.spark.createDataFrame(rows, spark_schema(CONTENTS)).repartition(2)))
    wanted = [(key, label) for i, key in enumerate(known) for label in ("a", "b") if i % 3 and (label == "a" or i % 5 == 0)]
    labels = tables.spark.createDataFrame(wanted, "content_sha256 string, label string")
    found = map_texts(
        located(tables[CONTENTS]).join(labels, "content_sha256"), hashed(), "key string, label string, found string", tasks
    ).collect()
    assert sorted((row.key, row.label) for row in found) == sorted(wanted)
    assert all(row.found == row.key for row in found)
