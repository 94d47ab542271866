"""What feeds the model: how much of a table it holds while the model is busy."""

import hashlib
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import WriterProperties, write_deltalake

from gpu_scoring.feed import token_rows
from gpu_scoring.keys import Keys
from gpu_scoring.scorer import Shape, new_scorer
from schemas.ingest import CONTENTS
from schemas.lake import Lake

GROUP_BYTES, GROUPS, FILES = 2 << 20, 3, 12


def test_the_feed_holds_few_row_groups_of_a_table_however_many_there_are(tmp_path: Path) -> None:
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    keys: list[str] = []
    for file in range(FILES):
        texts = [f"{file} {row} ".ljust(GROUP_BYTES // 2, "x") for row in range(2 * GROUPS)]
        names = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        rows = [{"content_sha256": key, "text": text, "size_bytes": len(text)} for key, text in zip(names, texts, strict=True)]
        contents = pa.Table.from_pylist(rows, schema=CONTENTS.arrow_schema)
        written = WriterProperties(max_row_group_size=2, write_batch_size=2, compression="ZSTD")
        write_deltalake(lake.path(CONTENTS.name), contents, mode="append", writer_properties=written)
        keys += names
        del texts, rows, contents
    scorer = new_scorer(Shape(32, 1, 400), iter(["x y\n" * 30]), 16, 0)
    before = pa.total_allocated_bytes()
    rows_of = token_rows(lake, scorer, Keys([pa.array(keys)]), pc.field("content_sha256") >= "")
    found = [next(rows_of).key]
    time.sleep(0.5)  # a reader may read ahead in threads of its own
    assert pa.total_allocated_bytes() - before < FILES * GROUPS * GROUP_BYTES / 3
    assert sorted(found + [row.key for row in rows_of]) == sorted(keys)
