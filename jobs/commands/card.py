"""`codemill card`: the data card of the shards, for whoever publishes them."""

import argparse
import json
import sys
from typing import Any

from jobs.commands.options import add_json, add_lake, add_mixture, add_parser
from jobs.mix.card import write_card
from jobs.mix.card_facts import card_facts
from jobs.mix.mixtures import shards_of
from jobs.runtime.errors import CodemillError
from schemas.lake import Lake
from udfs.croissant import of_shards


def add(commands: Any) -> None:
    found = add_parser(commands, "card", card, "write the data card of the shards: Markdown, JSON and Croissant")
    add_lake(found)
    found.add_argument("--out", metavar="FOLDER", help="default: the folder of the shards, where the files lie that Croissant names")
    add_mixture(found, "the one in mix/shards, or the only one")
    add_json(found)


def card(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    shards = shards_of(lake, arguments.mixture)
    facts, manifest = card_facts(lake, shards)
    folder = arguments.out or lake.path(shards)
    try:
        files = [f"{folder.rstrip('/')}/{name}" for name in write_card(folder, facts, of_shards(facts, manifest))]
    except OSError as error:
        raise CodemillError(f"the card cannot be written to {folder}: {error}. Expected a folder: --out FOLDER") from error
    for difference in facts["differences"]:
        sys.stderr.write(f"codemill: the card says so too: {difference}\n")
    found = {"card": files, "mixture": facts["mixture"], "differences": facts["differences"]}
    print(json.dumps(found) if arguments.json else f"card: {', '.join(files)}")
    return 0
