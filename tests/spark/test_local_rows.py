"""Rows that the driver knows come back as they were given, and cost no job."""

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.runtime.local_rows import local_rows
from schemas.ingest import COMMITS, FILES
from schemas.spark import spark_schema


def test_rows_come_back_as_they_were_given(spark: SparkSession) -> None:
    rows = [("a", 1, None, True), (None, None, ["x", None], None), ("\udcff".encode(errors="replace").decode(), -(2**63), [], False)]
    found = local_rows(spark, rows, "word string, number bigint, words array<string>, is_so boolean")
    assert [tuple(row) for row in found.collect()] == rows


@pytest.mark.parametrize("table", [FILES, COMMITS], ids=lambda table: table.name)
def test_an_empty_table_has_the_declared_columns(spark: SparkSession, table: object) -> None:
    schema = spark_schema(table)  # type: ignore[arg-type]
    assert local_rows(spark, [], schema).schema == schema


def test_rows_are_a_part_of_the_plan(spark: SparkSession) -> None:
    assert "LocalRelation [word" in plan_of(local_rows(spark, [("a",)], "word string"))


def test_what_is_joined_with_nothing_is_not_looked_at(spark: SparkSession) -> None:
    found = spark.range(1000).join(local_rows(spark, [], "id bigint, word string"), "id").groupBy("word").agg(F.count("*"))
    assert "LocalRelation <empty>" in plan_of(found) and "Range" not in plan_of(found)


def plan_of(rows: DataFrame) -> str:
    return str(rows._jdf.queryExecution().optimizedPlan().toString())  # type: ignore[operator]
