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

# What only the publisher knows: the option, what Croissant calls it, and its meaning.
PUBLICATION = {
    "license": ("license", "of the whole, such as an SPDX name or an address; of texts the card tells the sources' licences"),
    "cite": ("citeAs", "how to cite it, such as BibTeX"),
    "version": ("version", "of the publication, such as 1.0.0"),
    "published": ("datePublished", "when it was published, such as 2026-01-31"),
    "publisher": ("publisher", "who publishes it"),
    "url": ("url", "where it is published"),
}


def add(commands: Any) -> None:
    found = add_parser(commands, "card", card, "write the data card of the shards: Markdown, JSON and Croissant")
    add_lake(found)
    found.add_argument("--out", metavar="FOLDER", help="default: the folder of the shards, where the files lie that Croissant names")
    for name, (_, help) in PUBLICATION.items():
        found.add_argument(f"--{name}", metavar="TEXT", default="", help=help)
    add_mixture(found, "the one in mix/shards, or the only one")
    add_json(found)


def card(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    shards = shards_of(lake, arguments.mixture)
    facts, manifest = card_facts(lake, shards)
    facts["publication"] = {term: getattr(arguments, name) for name, (term, _) in PUBLICATION.items() if getattr(arguments, name)}
    folder = arguments.out or lake.path(shards)
    try:
        files = [f"{folder.rstrip('/')}/{name}" for name in write_card(folder, facts, of_shards(facts, manifest))]
    except OSError as error:
        raise CodemillError(f"the card cannot be written to {folder}: {error}. Expected a folder: --out FOLDER") from error
    for difference in facts["differences"]:
        sys.stderr.write(f"codemill: the card says so too: {difference}\n")
    unsaid = [f"--{name}" for name, (term, _) in PUBLICATION.items() if term not in facts["publication"]]
    found = {"card": files, "mixture": facts["mixture"], "differences": facts["differences"], "unsaid": unsaid}
    print(json.dumps(found) if arguments.json else f"card: {', '.join(files)}")
    if unsaid and not arguments.json:
        print(f"To publish it, say also: {' '.join(unsaid)}")
    return 0
