"""`codemill page-models`: the card of a lake's models of pages, and the models as a folder for another lake."""

import argparse
import json
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from jobs.annotate.page_artefact import write_folder
from jobs.commands.options import add_json, add_lake, add_parser
from jobs.runtime.errors import CodemillError
from schemas.annotate import PAGE_MODELS
from schemas.lake import Lake
from udfs.page_models import MODELS, PageModels


def add(commands: Any) -> None:
    found = add_parser(
        commands, "page-models", show, "print what the models of pages were trained on and how good they are; write them out"
    )
    add_lake(found)
    found.add_argument("--name", default="default", metavar="NAME", help="of the models (default: default)")
    found.add_argument("--out", metavar="FOLDER", help="write models and card there: what `annotate.page_models --given FOLDER` takes")
    add_json(found)


def show(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    rows = lake.read(PAGE_MODELS, None, pc.field("name") == arguments.name).to_pylist()
    if not rows:
        raise CodemillError(
            f"{lake.path(PAGE_MODELS.name)} has no models {arguments.name!r}. Expected what `codemill annotate.page_models --lake"
            f" {lake.root}` makes; where it finds too few pages to train on, it says so and makes none."
        )
    (row,) = rows
    card = json.loads(row["card_json"])
    if arguments.out:
        models = PageModels(row["threshold_percent"], **{name: row[f"{name}_model"] for name in MODELS})
        write_folder(Path(arguments.out), models, card, row["card_markdown"])
    print(json.dumps(card, sort_keys=True) if arguments.json else row["card_markdown"] or json.dumps(card, indent=2, sort_keys=True))
    return 0
