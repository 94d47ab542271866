"""By what ingest knows that a source is in the lake as it is now.

A fingerprint is written when all that came of its source is in the lake, and becomes empty before anything of a changed source is written:
a run that is killed in between leaves no fingerprint that fits an older state of the source, which could come back (a git ref does).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from jobs.runtime.job import Snapshot, Write
from jobs.runtime.local_rows import local_rows
from jobs.runtime.tables import Tables
from schemas.ingest import CONTENTS, FINGERPRINTS, REJECTS
from schemas.lake import Lake
from schemas.spark import spark_schema
from schemas.table import Table

SHARED = (CONTENTS, REJECTS)  # what files and pages are both read into


class Known(NamedTuple):
    """What the lake remembers of a source. The fingerprint is empty where it has to be read again."""

    fingerprint: str
    location: str


def known_sources(lake: Lake, tables: Iterable[Table], is_own: Callable[[str], bool]) -> dict[str, Known]:
    """By label. `tables` are those that a job reads its own sources into: where one of them is missing, all of these are to be read again,
    or a table that somebody removed would stay empty. Where it is one that several jobs write, so are the sources of the others."""
    missing = [table for table in tables if lake.version(table) is None]
    is_lost = any(table in SHARED for table in missing)
    return {
        row["source"]: Known("" if is_lost or (missing and is_own(row["source"])) else row["fingerprint"], row["location"])
        for row in lake.read(FINGERPRINTS).to_pylist()
    }


def changed(prints: Iterable[tuple[str, str]], known: Mapping[str, Known], is_forced: bool = False) -> Iterator[tuple[str, str]]:
    """(label, fingerprint) of the sources that are not in the lake as they are now. Looks at a source when it is asked for the next one."""
    return ((label, found) for label, found in prints if is_forced or label not in known or known[label].fingerprint != found)


def beginning(tables: Tables, known: Mapping[str, Known], todo: Iterable[str]) -> Iterator[Write]:
    """What is to be committed before anything of these sources is; nothing where the lake knows none of them."""
    labels = {label for label, found in known.items() if not found.fingerprint} | (set(todo) & set(known))
    if labels:
        yield written(tables, [(label, "", known[label].location) for label in labels])


def written(tables: Tables, rows: Iterable[tuple[str, str, str]]) -> Snapshot:
    """rows: label, fingerprint, location."""
    found = local_rows(tables.spark, sorted(rows), spark_schema(FINGERPRINTS))
    return Snapshot(FINGERPRINTS, found, found.select("source"))
