"""Spark's view of a table: the only module of schemas that imports pyspark."""

from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from schemas.table import Table


def spark_schema(table: Table) -> StructType:
    return from_arrow_schema(table.arrow_schema)


def check_spark_schema(table: Table, found: StructType, where: str) -> None:
    """Raises `ContractError` naming every difference between a DataFrame's schema and the declaration."""
    table.check_schema(to_arrow_schema(found), where)


def create_table_sql(table: Table, location: str) -> str:
    """CREATE TABLE with comments, NOT NULL and the checks as Delta constraints, so that Delta itself refuses a bad commit."""
    fields = spark_schema(table).fields
    columns = ",\n  ".join(
        f"`{field.name}` {field.dataType.simpleString()}{'' if column.is_nullable else ' NOT NULL'} COMMENT '{_quoted(column.meaning)}'"
        for field, column in zip(fields, table.columns, strict=True)
    )
    properties = {f"delta.constraints.{check.name}": check.condition for check in table.checks}
    # Statistics of a text column cost time and say nothing; the key's serve to skip files.
    properties["delta.dataSkippingStatsColumns"] = ",".join(table.key)
    properties["delta.enableDeletionVectors"] = "false"
    listed = ", ".join(f"'{key}' = '{_quoted(value)}'" for key, value in properties.items())
    return (
        f"CREATE TABLE IF NOT EXISTS {location} (\n  {columns}\n) USING delta COMMENT '{_quoted(table.meaning)}' TBLPROPERTIES ({listed})"
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
