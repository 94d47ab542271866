"""What a recipe asked for and what was taken, as mix/lots has it: which shares are met, and why others are not."""

from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc
from rich import box
from rich.table import Table as RichTable

from schemas.lake import Lake
from schemas.mix import LOTS
from udfs.mixture import TOLERANCE

Row = dict[str, Any]


def lots_of(lake: Lake, mixture: str) -> list[Row]:
    """Rows of mix/lots, most tokens first; none where each document was taken once."""
    rows = [dict(row) for row in lake.read(LOTS, None, pc.field("mixture") == mixture).to_pylist()]
    return sorted(rows, key=lambda row: (-row["wanted_token_count"], row["lot"]))


def lots_told(mixture: str, rows: list[Row]) -> Iterator[str]:
    """A line for the whole, and one for each share that is missed, by its own tokens or because those of others are other than asked."""
    if not rows:
        return
    taken, wanted = (sum(row[name] for row in rows) for name in ("taken_token_count", "wanted_token_count"))
    missed = [(row["lot"], told) for row in rows if (told := row["note"] or _shifted(row, taken, wanted))]
    met = f"{len(rows) - len(missed)} of {len(rows)} shares are met within {TOLERANCE:.1%}"
    total = f"{taken:,} training tokens" + (f" of {wanted:,} asked ({taken / wanted - 1:+.1%})" if _is_off(taken, wanted) else "")
    yield f"Recipe {rows[0]['recipe']}, mixture {mixture}: {total}; {met}{':' if missed else '.'}"
    for lot, told in missed:
        yield f"  {lot}: {told}"


def _is_off(found: float, wanted: float) -> bool:
    return wanted > 0 and abs(found / wanted - 1) > TOLERANCE


def _shifted(row: Row, taken: int, wanted: int) -> str:
    """Why the share of a lot that got its tokens is another than asked; empty where it is not."""
    share, asked = row["taken_token_count"] / (taken or 1), row["wanted_token_count"] / (wanted or 1)
    return f"it has its tokens, which are {share:.2%} of what was taken: others missed theirs" if _is_off(share, asked) else ""


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
