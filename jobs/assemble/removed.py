"""Whether documents were removed since they were made, by `codemill vacuum --layout` or by hand: then their job has to run again."""

import pyarrow.compute as pc

from schemas.decide import KEPT
from schemas.lake import Lake
from schemas.table import Table
from udfs.notebooks import SUFFIX


def is_kept(profile: str, kind: str) -> pc.Expression:
    """Rows of decide/kept."""
    return (pc.field("policy") == profile) & (pc.field("kind") == kind)


def is_notebook() -> pc.Expression:
    return pc.ends_with(pc.utf8_lower(pc.field("path")), SUFFIX)


def is_removed(lake: Lake, kept: pc.Expression, table: Table, layout: str) -> bool:
    """Whether something is kept, and `table`, which has a row of each that was looked at, has none of the layout."""
    return lake.has_rows(KEPT, kept) and not lake.has_rows(table, pc.field("layout") == layout)
