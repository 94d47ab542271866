"""`codemill verify`: whether shards and exports are what their manifests say, in a folder or in all of a lake."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from jobs.commands.options import add_json, add_mixture, add_parser, named
from jobs.mix.mixtures import UNKNOWN_LAKE, anew, export_folder, export_status, mixtures_there, shards_of
from jobs.runtime.errors import CodemillError, UsageError
from schemas.lake import Lake
from udfs.export_formats import FORMATS
from udfs.exports import is_export, read_export, verify_export
from udfs.manifest import ShardError
from udfs.shards import read_manifest
from udfs.shards import verify as verify_shards


def add(commands: Any) -> None:
    found = add_parser(commands, "verify", verify, "read every file of shards or of an export; name what is missing, altered or not listed")
    help = "such as LAKE/mix/shards or LAKE/mix/exports/megatron"
    found.add_argument("folder", nargs="?", metavar="FOLDER", type=named, help=help)
    found.add_argument("--lake", metavar="LAKE", type=named, help="verify the shards of its mixtures and all that was exported of them")
    add_mixture(found, "all of the lake")
    add_json(found)


def verify(arguments: argparse.Namespace) -> int:
    if (arguments.folder is None) == (arguments.lake is None):
        raise UsageError("verify: expected a folder, or --lake LAKE [--mixture NAME]")
    if arguments.folder:
        found = whole(arguments.folder)
        print(json.dumps(found) if arguments.json else told(found))
        return 0
    lake = Lake.at(arguments.lake)
    lake.check_format()
    mixtures = {arguments.mixture: shards_of(lake, arguments.mixture)} if arguments.mixture else mixtures_there(lake)
    if not mixtures:
        raise CodemillError(f"{lake.root} has no shards; `codemill mix.shards` writes them")
    all_found, faults = [], []
    for folder in (folder for shards in mixtures.values() for folder in folders_of(lake, shards)):
        try:
            all_found.append(whole(folder))
        except CodemillError as error:
            faults.append(str(error))
    faults += [stale for shards in mixtures.values() for stale in stale_exports(lake, shards)]
    if arguments.json:
        print(json.dumps({"whole": all_found, "faults": faults}))
    else:
        print("\n".join(map(told, all_found)))
    if faults:
        raise CodemillError("\n".join(faults))
    return 0


def folders_of(lake: Lake, shards: str) -> Iterator[str]:
    """The shards, and the exports of which anything is there."""
    yield lake.path(shards)
    for format in FORMATS:
        if export_status(lake, format, shards)[0]:
            yield export_folder(lake, format, shards)


def stale_exports(lake: Lake, shards: str) -> Iterator[str]:
    for format in FORMATS:
        if export_status(lake, format, shards)[0] == "stale":
            remedy = anew(read_manifest(lake.path(shards)).mixture, lake.root, "mix.exports", f"--formats {format}")
            yield f"{export_folder(lake, format, shards)} is of other shards than {shards}: {remedy} writes it anew"


def whole(folder: str) -> dict[str, Any]:
    """What is in a folder that is what its manifest says. Raises `CodemillError` where it is not."""
    try:
        manifest = verify_export(folder) if is_export(folder) else verify_shards(folder)
    except ShardError as error:
        raise CodemillError(f"{error}{remedy(folder)}") from error
    parts = [shard for split in manifest.splits.values() for shard in split.shards]
    counts = {"sequences": sum(shard.rows for shard in parts), "tokens": sum(shard.tokens for shard in parts)}
    return {"folder": folder, "mixture": manifest.mixture, **counts}


def remedy(folder: str) -> str:
    """A line with the command that writes a folder again; none where it has no manifest that says whose it is."""
    try:
        export = read_export(folder) if is_export(folder) else None
        mixture = export.mixture if export else read_manifest(folder).mixture
    except ShardError:
        return ""
    root = lake_of(folder)
    command = anew(mixture, root, "mix.exports", f"--force --formats {export.format}") if export else anew(mixture, root)
    return f"\n{command} writes it again" + (" where it was made" if root == UNKNOWN_LAKE else "")


def lake_of(folder: str) -> str:
    """The root of the lake in which the folder lies."""
    root, _, rest = folder.rstrip("/").rpartition("/mix/")
    is_lake = rest.startswith(("shards", "exports")) and Lake.at(root).is_there()
    return Lake.at(root).root if is_lake else UNKNOWN_LAKE


def told(found: dict[str, Any]) -> str:
    return f"{found['folder']} is whole: {found['sequences']:,} sequences, {found['tokens']:,} tokens of {found['mixture']}"
