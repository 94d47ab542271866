"""What a table promises: columns in Arrow terms, a key, checks.

One declaration per table serves every engine: Arrow directly, Spark through `schemas.spark`. Schemas are compared, never cast:
a table that differs from its declaration is refused, with every difference named at once.
"""

from dataclasses import dataclass

import pyarrow as pa


class ContractError(Exception):
    """A table is not what its declaration promises."""


@dataclass(frozen=True)
class Column:
    """One column. `unit` stands also in the name (`size_bytes`, `elapsed_s`) where there is one."""

    name: str
    type: pa.DataType
    meaning: str
    is_nullable: bool = False


@dataclass(frozen=True)
class Check:
    """A condition in SQL that holds for every row. A Delta CHECK constraint: the engine refuses a commit that breaks it."""

    name: str
    condition: str


@dataclass(frozen=True)
class Table:
    """A table of the lake.

    `name` is `<phase>/<table>`. `key` columns are never null and unique together. `writer` is the one engine that writes it.
    `partitions` are columns of which a file holds one value each: they stand in the table's log, not in the file.
    `timings` are columns that measure the run and not the data: two runs over the same input may differ in them and in nothing else.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    checks: tuple[Check, ...] = ()
    writer: str = "spark"
    partitions: tuple[str, ...] = ()
    timings: tuple[str, ...] = ()

    @property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([pa.field(c.name, c.type, c.is_nullable) for c in self.columns])

    @property
    def names(self) -> list[str]:
        return [c.name for c in self.columns]

    def differences(self, found: pa.Schema) -> list[str]:
        """Every way in which `found` is not this table; empty where it is.

        Order of columns is part of the promise. Whether a column may be null is not compared: Parquet and Delta readers report
        columns as nullable that the table's constraints keep full.
        """
        promised = {c.name: c.type for c in self.columns}
        actual = {field.name: field.type for field in found}
        lines = [f"column {name} is missing (promised {kind})" for name, kind in promised.items() if name not in actual]
        lines += [f"column {name} is not promised (found {kind})" for name, kind in actual.items() if name not in promised]
        for name, kind in promised.items():
            if name in actual and not same_type(actual[name], kind):
                lines.append(f"column {name} is {actual[name]}, promised {kind}")
        if not lines and list(promised) != list(actual):
            lines.append(f"columns are in the order {', '.join(actual)}; promised {', '.join(promised)}")
        return lines

    def check_schema(self, found: pa.Schema, where: str) -> None:
        """Raises `ContractError` with all differences between `found` (the schema of what lies at `where`) and this declaration."""
        lines = self.differences(found)
        if lines:
            raise ContractError(
                f"{where} is not the table {self.name} of this version of codemill:\n  "
                + "\n  ".join(lines)
                + f"\nIf an older version wrote it, run that version, or remove {where} and run the job that writes {self.name} again."
            )

    def check_rows(self, rows: pa.Table) -> None:
        """Raises `ContractError` where rows are of another schema, or have a null in a column that has none. Checks are the engine's."""
        self.check_schema(rows.schema, f"what is to be written to {self.name}")
        nulls = [column.name for column in self.columns if not column.is_nullable and rows.column(column.name).null_count]
        if nulls:
            raise ContractError(f"what is to be written to {self.name} has nulls in {', '.join(nulls)}")


def same_type(found: pa.DataType, promised: pa.DataType) -> bool:
    """Whether two Arrow types hold the same values: nullability inside nested types and large or view variants do not count."""
    if pa.types.is_struct(promised):
        return (
            pa.types.is_struct(found)
            and [f.name for f in found] == [f.name for f in promised]
            and all(same_type(found.field(f.name).type, f.type) for f in promised)
        )
    if pa.types.is_list(promised):
        return (pa.types.is_list(found) or pa.types.is_large_list(found)) and same_type(found.value_type, promised.value_type)
    if pa.types.is_string(promised):
        return pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    if pa.types.is_binary(promised):
        return pa.types.is_binary(found) or pa.types.is_large_binary(found) or pa.types.is_binary_view(found)
    return found.equals(promised)
