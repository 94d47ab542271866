"""What a recipe asked for and what was taken, as mix/lots has it: which shares are met, and why others are not."""

from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc
from rich import box
from rich.table import Table as RichTable

from schemas.lake import Lake
from schemas.mix import LOTS

Row = dict[str, Any]


def lots_of(lake: Lake, mixture: str) -> list[Row]:
    """Rows of mix/lots, most tokens first; none where each document was taken once."""
    rows = [dict(row) for row in lake.read(LOTS, None, pc.field("mixture") == mixture).to_pylist()]
    return sorted(rows, key=lambda row: (-row["wanted_token_count"], row["lot"]))


def lots_told(mixture: str, rows: list[Row]) -> Iterator[str]:
    """A line for the whole, and one for each share that is missed."""
    if not rows:
        return
    taken, missed = sum(row["taken_token_count"] for row in rows), [row for row in rows if row["note"]]
    met = f"{len(rows) - len(missed)} of {len(rows)} shares are met within 0.1 %"
    yield f"Recipe {rows[0]['recipe']}, mixture {mixture}: {taken:,} training tokens; {met}{':' if missed else '.'}"
    for row in missed:
        yield f"  {row['lot']}: {row['note']}"


def lots_table(rows: list[Row]) -> RichTable:
    """The shares as asked for beside what was taken."""
    table = RichTable("lot", "documents", "tokens there", "asked", "taken", "tokens taken", "epochs", "", box=box.SIMPLE_HEAD)
    for index in range(1, 7):
        table.columns[index].justify = "right"
    total = sum(row["taken_token_count"] for row in rows) or 1
    for row in rows:
        shares = (f"{row['share']:.2%}", f"{row['taken_token_count'] / total:.2%}", f"{row['taken_token_count']:,}", f"{row['epochs']:.3f}")
        told = row["note"] or ("sets the total" if row["is_limit"] else "")
        table.add_row(row["lot"], f"{row['document_count']:,}", f"{row['token_count']:,}", *shares, told)
    return table
