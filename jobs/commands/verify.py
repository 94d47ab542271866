"""`codemill verify`: whether a folder of shards or an export is what its manifest says."""

import argparse
import json
from typing import Any

from jobs.commands.options import add_json, add_parser, named
from jobs.runtime.errors import CodemillError
from udfs.exports import is_export, verify_export
from udfs.manifest import ShardError
from udfs.shards import verify as verify_shards


def add(commands: Any) -> None:
    found = add_parser(commands, "verify", verify, "read every file of shards or of an export; name what is missing, altered or not listed")
    found.add_argument("folder", metavar="FOLDER", type=named, help="such as LAKE/mix/shards or LAKE/mix/exports/megatron")
    add_json(found)


def verify(arguments: argparse.Namespace) -> int:
    try:
        manifest = verify_export(arguments.folder) if is_export(arguments.folder) else verify_shards(arguments.folder)
    except ShardError as error:
        raise CodemillError(str(error)) from error
    rows = sum(shard.rows for split in manifest.splits.values() for shard in split.shards)
    tokens = sum(shard.tokens for split in manifest.splits.values() for shard in split.shards)
    found = {"folder": arguments.folder, "mixture": manifest.mixture, "sequences": rows, "tokens": tokens}
    print(
        json.dumps(found) if arguments.json else f"{arguments.folder} is whole: {rows:,} sequences, {tokens:,} tokens of {manifest.mixture}"
    )
    return 0
