"""`codemill vacuum`: removes what nothing refers to any more. Without `--yes` it says what that is, and removes nothing.

Files of tables that no version of the last hours names, what killed runs left among them; mixtures that are named, with their shards and
exports; documents of old layouts. No run may be working: what it has written and not committed yet looks like a leftover.
"""

import argparse
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.compute as pc
import pyarrow.fs
from deltalake import DeltaTable

from jobs.commands.options import add_json, add_lake, add_parser
from jobs.mix.mixtures import mixtures_there, shards_folder
from jobs.runtime.errors import CodemillError, UsageError
from schemas import ALL_TABLES
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS, NOTEBOOKS, REPOSITORY_CONTEXTS, REPOSITORY_PARTS
from schemas.delta_files import add_files, data_files, replace_rows
from schemas.lake import EXPORTS, SHARDS, Lake, storage_options
from schemas.mix import LOTS, MANIFEST, SEQUENCES
from schemas.table import Table

# What says of each candidate of a kind that its document was made, or why there is none.
MADE_BY = {"commit": (COMMIT_CONTEXTS,), "file": (NOTEBOOKS,), "repository": (REPOSITORY_CONTEXTS, REPOSITORY_PARTS)}
DATA_FILE = re.compile(r"\.parquet(\.[0-9a-f]+\.tmp)?$")  # the longer name is what a killed task leaves that was still writing
RETENTION_HOURS = 168  # Delta's own default


def add(commands: Any) -> None:
    found = add_parser(commands, "vacuum", vacuum, "say what nothing refers to any more, and remove it with --yes; no run may be working")
    add_lake(found)
    help = f"keep files of versions of the last N hours (default: {RETENTION_HOURS})"
    found.add_argument("--retention-hours", type=int, default=RETENTION_HOURS, metavar="N", help=help)
    help = "a mixture to remove, with its shards and exports (repeatable); documents that are in no other are tokenized again when needed"
    found.add_argument("--mixture", action="append", default=[], metavar="NAME", help=help)
    help = "documents to remove, such as commit=commit/1 (repeatable); `codemill assemble` makes those of the layout of now"
    found.add_argument("--layout", action="append", default=[], metavar="KIND=LAYOUT", help=help)
    found.add_argument("--yes", action="store_true", help="remove it")
    add_json(found)


def vacuum(arguments: argparse.Namespace) -> int:
    if arguments.retention_hours < 0:
        raise UsageError(f"--retention-hours {arguments.retention_hours}: expected at least 0")
    lake = Lake.at(arguments.lake)
    lake.check_format()
    folders = [folder for name in arguments.mixture for folder in folders_of_mixture(lake, name)]
    layouts = [layout_of(text) for text in arguments.layout]
    documents = {text: documents_of(lake, *layout) for text, layout in zip(arguments.layout, layouts, strict=True)}
    if arguments.yes:
        removed(lake, arguments, layouts, folders)
    files = {table.name: len(paths) for table in ALL_TABLES if (paths := unreferenced(lake, table, arguments.retention_hours))}
    found = {"is_removed": arguments.yes, "mixtures": arguments.mixture, "folders": folders, "documents": documents, "files": files}
    print(json.dumps(found) if arguments.json else "\n".join(told(found)))
    return 0


def folders_of_mixture(lake: Lake, name: str) -> list[str]:
    """Its folders of shards and exports, as they are there. Raises `CodemillError` where the lake knows no such mixture."""
    there = mixtures_there(lake)
    mixed = {row["mixture"] for table in (MANIFEST, LOTS) for row in lake.read(table, ["mixture"]).to_pylist()}
    mixed |= {file.partition["mixture"] for file in data_files(lake, SEQUENCES, lake.version(SEQUENCES))}
    if name not in mixed | set(there):
        raise CodemillError(f"{lake.root} has no mixture {name!r}; it has: {', '.join(sorted(mixed | set(there))) or 'none'}")
    shards = there.get(name, shards_folder(name, ""))
    if name not in there and shards in there.values():  # of another mixture, which an earlier version wrote there
        return []
    filesystem, root = lake.filesystem()
    folders = (shards, f"{EXPORTS}{shards.removeprefix(SHARDS)}")
    return [folder for folder in folders if filesystem.get_file_info(f"{root}/{folder}").type == pyarrow.fs.FileType.Directory]


def layout_of(text: str) -> tuple[str, str]:
    kind, equals, layout = text.partition("=")
    if not equals or "'" in text:
        raise UsageError(f"--layout {text}: expected KIND=LAYOUT, such as commit=commit/1")
    return kind, layout


def documents_of(lake: Lake, kind: str, layout: str) -> int:
    is_it = (pc.field("kind") == kind) & (pc.field("layout") == layout)
    return sum(batch.num_rows for batch in lake.scan(DOCUMENTS, ["candidate"], is_it))


def unreferenced(lake: Lake, table: Table, hours: int) -> list[str]:
    """Which files could go, as paths below the table's. Asks and changes nothing.

    Delta names those too that have gone already, that are new, and that are no data of a table at all.
    """
    if lake.version(table) is None:
        return []
    found = DeltaTable(lake.path(table.name), storage_options=storage_options())
    files = found.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True)
    files = [file for file in files if DATA_FILE.search(file)]
    filesystem, root = lake.filesystem()
    there = filesystem.get_file_info([f"{root}/{table.name}/{file}" for file in files])
    youngest = datetime.now(UTC) - timedelta(hours=hours)
    return [file for file, info in zip(files, there, strict=True) if info.is_file and info.mtime <= youngest]


def removed(lake: Lake, arguments: argparse.Namespace, layouts: list[tuple[str, str]], folders: list[str]) -> None:
    """No version is written but where rows go: jobs that read the other tables stay up to date."""
    filesystem, root = lake.filesystem()
    for folder in folders:
        filesystem.delete_dir(f"{root}/{folder}")
    for name in arguments.mixture:
        mixture_removed(lake, name)
    if layouts:
        documents_removed(lake, layouts)
    for table in ALL_TABLES:  # file by file: a vacuum of delta-rs would write versions, for which jobs would run again
        for file in unreferenced(lake, table, arguments.retention_hours):
            filesystem.delete_file(f"{root}/{table.name}/{file}")


def mixture_removed(lake: Lake, name: str) -> None:
    for table in (table for table in (MANIFEST, LOTS) if lake.version(table) is not None):  # the first: without it no mixture is finished
        replace_rows(lake, table, table.arrow_schema.empty_table(), pc.field("mixture") == name)
    version = lake.version(SEQUENCES)
    files = data_files(lake, SEQUENCES, version, mixture=name)
    if version is not None and files:
        add_files(lake, SEQUENCES, [], version, tuple(files))


def documents_removed(lake: Lake, layouts: list[tuple[str, str]]) -> None:
    from delta.tables import DeltaTable as SparkTable

    from jobs.runtime.job import Replace
    from jobs.runtime.session import start_session
    from jobs.runtime.tables import Tables
    from schemas.spark import spark_schema

    spark = start_session("codemill", not lake.is_local)
    tables = Tables(spark, lake)
    for kind, layout in layouts:
        for table in MADE_BY.get(kind, ()):  # the first to go: without them the job makes the documents again
            if lake.has_rows(table, pc.field("layout") == layout):
                tables.apply(Replace(table, spark.createDataFrame([], spark_schema(table)), "layout", layout))
        if documents_of(lake, kind, layout):
            SparkTable.forPath(spark, lake.spark_path(DOCUMENTS.name)).delete(f"kind = '{kind}' and layout = '{layout}'")


def told(found: dict[str, Any]) -> Iterator[str]:
    done = "removed" if found["is_removed"] else "would be removed"
    for name in found["mixtures"]:
        yield f"mixture {name}: its sequences {done}"
    for folder in found["folders"]:
        yield f"{folder}/ {done}"
    for text, count in found["documents"].items():
        yield f"documents {text}: {count:,} {done}; `codemill assemble` makes those of the layout of now"
    for table, count in found["files"].items():
        yield f"{table}: {count:,} files of old versions and killed runs {'are left' if found['is_removed'] else done}"
    if not found["is_removed"]:
        yield "Nothing was removed; --yes does it, when no run is working."
