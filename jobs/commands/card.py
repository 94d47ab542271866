"""`codemill card`: the data card of the shards, for whoever publishes them."""

import argparse
import json
from typing import Any

from jobs.commands.options import add_json, add_lake, add_parser
from jobs.mix.card import write_card
from jobs.mix.card_facts import card_facts
from jobs.runtime.errors import CodemillError
from schemas.lake import SHARDS, Lake
from udfs.croissant import of_shards


def add(commands: Any) -> None:
    found = add_parser(commands, "card", card, "write the data card of the shards: Markdown, JSON and Croissant")
    add_lake(found)
    found.add_argument("--out", metavar="FOLDER", help="default: LAKE/mix/shards, where the files lie that Croissant names")
    add_json(found)


def card(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    facts, manifest = card_facts(lake)
    folder = arguments.out or lake.path(SHARDS)
    try:
        files = [f"{folder.rstrip('/')}/{name}" for name in write_card(folder, facts, of_shards(facts, manifest))]
    except OSError as error:
        raise CodemillError(f"the card cannot be written to {folder}: {error}. Expected a folder: --out FOLDER") from error
    print(json.dumps({"card": files}) if arguments.json else f"card: {', '.join(files)}")
    return 0
