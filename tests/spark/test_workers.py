"""Python workers of a local session import nothing from archives: Spark would read their lists again before every task."""

import pyarrow as pa


def test_no_archive_is_on_the_module_path_of_a_worker(spark):
    def paths(batches):
        import sys

        for _ in batches:
            yield pa.RecordBatch.from_pydict({"path": [*sys.path, *sys.path_importer_cache]})

    found = {row.path for row in spark.range(1).mapInArrow(paths, "path string").collect()}
    assert found and not {path for path in found if path.endswith((".jar", "pyspark.zip", "-src.zip"))}
