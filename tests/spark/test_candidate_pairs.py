"""Signatures and the pairs that they make do not depend on who computes them, into how many parts, or who comes first."""

import numpy as np
import pyarrow as pa

from jobs.annotate import signatures
from jobs.annotate.candidates import Target, bucket_rows, pairs
from jobs.runtime.job import AddFiles
from schemas.annotate import SIGNATURES
from tests.job_runs import run_job
from tests.spark.test_duplicates import corpus, put
from udfs import buckets, minhash
from udfs.minhash import SignatureParams, matrix

TARGET = Target(128, 0.7, 0.985, 2.0)


def test_pairs_are_those_of_the_kernels_whatever_the_number_of_parts(spark):
    signed = minhash.signatures(pa.array(corpus()), SignatureParams())
    table = pa.Table.from_batches([signed]).select(["node", "signature"]).drop_null()
    rows = spark.createDataFrame(table)
    found = [
        sorted(tuple(row) for row in pairs(rows.repartition(split), given, TARGET, parts).collect())
        for split, parts in ((1, 1), (3, 7))
        for given in (None, bucket_rows(rows, TARGET.banding))
    ]
    assert found[0] and all(one == found[0] for one in found)
    sketch = dict(zip(table["node"].to_pylist(), buckets.sketches(matrix(table["signature"].combine_chunks())), strict=True))
    for a, b, similarity, is_sure in found[0]:
        agreeing = int((sketch[a] == sketch[b]).sum())
        assert a < b and TARGET.low <= agreeing and is_sure == (agreeing >= TARGET.high)
        assert abs(similarity - buckets.similarity(np.array([agreeing]), 128)[0]) < 1e-9


def test_what_another_run_added_meanwhile_is_not_added_again_and_no_file_is_left(tables):
    texts = corpus()[:12]
    put(tables, texts)
    writes = signatures.transform(tables, SignatureParams())
    ours = next(writes)
    asked = []

    def overtaken(version):
        found = ours.choose(version)
        if not asked:
            run_job(tables, signatures, SignatureParams())
        asked.append(sum(file.row_count for file in found))
        return found

    tables.apply(AddFiles(ours.table, overtaken))
    assert list(writes) == [] and asked == [len(texts), 0]
    keys = [row.content_sha256 for row in tables[SIGNATURES].collect()]
    assert len(keys) == len(set(keys)) == len(texts)
    filesystem, root = tables.lake.filesystem()
    lying = filesystem.get_file_info(pa.fs.FileSelector(f"{root}/{SIGNATURES.name}"))
    assert {info.base_name for info in lying if info.is_file} == set(tables.lake.file_names(SIGNATURES))


def test_new_contents_alone_are_read_and_nothing_new_reads_nothing(tables):
    texts = corpus()
    put(tables, texts[:20])
    run_job(tables, signatures, SignatureParams())
    assert tables.account.read_rows == 20
    put(tables, texts)
    for expected in (len(texts) - 20, 0):
        run_job(tables, signatures, SignatureParams())
        assert tables.account.read_rows == expected
    found = {row.content_sha256: row.signature for row in tables[SIGNATURES].collect()}
    assert len(found) == len(texts) == tables[SIGNATURES].count()
