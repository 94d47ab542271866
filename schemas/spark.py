"""Spark's view of a table: the only module of schemas that imports pyspark."""

from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from schemas.table import Table


def spark_schema(table: Table) -> StructType:
    return from_arrow_schema(table.arrow_schema)


def check_spark_schema(table: Table, found: StructType, where: str) -> None:
    """Raises `ContractError` naming every difference between a DataFrame's schema and the declaration."""
    table.check_schema(to_arrow_schema(found), where)


def table_properties(table: Table) -> dict[str, str]:
    """Delta's properties of a table that Spark writes: the checks, and keys that are there, as constraints that Delta itself holds to."""
    properties = {f"delta.constraints.{check.name}": check.condition for check in table.checks}
    properties |= {f"delta.constraints.{c.name}_is_there": f"`{c.name}` IS NOT NULL" for c in table.columns if not c.is_nullable}
    # Statistics of a text column cost time and say nothing; the key's serve to skip files.
    properties["delta.dataSkippingStatsColumns"] = ",".join(table.key)
    properties["delta.enableDeletionVectors"] = "false"
    return properties
