"""The local session: room for the code that a long run compiles, and classes that need not be loaded anew."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark import SparkContext

from jobs.runtime.jvm import class_archive
from jobs.runtime.session import jar_folder


def test_compiled_code_has_the_room_that_java_gives_it_with_both_compilers(spark):
    factory = spark._jvm.java.lang.management.ManagementFactory
    diagnostics = factory.getPlatformMXBean(spark._jvm.java.lang.Class.forName("com.sun.management.HotSpotDiagnosticMXBean"))
    assert diagnostics.getVMOption("TieredStopAtLevel").getValue() == "1"
    assert int(diagnostics.getVMOption("ReservedCodeCacheSize").getValue()) >= 240 << 20


def test_java_starts_from_the_archive_that_set_up_made(spark):
    """Java would go on without a word, seconds slower, where the archive does not fit it or the path of its classes."""
    archive = class_archive(jar_folder())
    if not archive.exists():
        pytest.skip(f"set-up could make no {archive} with this Java")
    assert str(archive.resolve()) in Path(f"/proc/{SparkContext._gateway.proc.pid}/maps").read_text()


def test_no_dictionary_is_built_of_keys(spark, tmp_path):
    spark.range(100).selectExpr("cast(id as string) content_sha256", "cast(id % 2 as string) language").write.parquet(
        f"file://{tmp_path}/rows"
    )
    group = pq.read_metadata(next((tmp_path / "rows").glob("*.parquet"))).row_group(0)
    assert [group.column(place).has_dictionary_page for place in range(2)] == [False, True]
