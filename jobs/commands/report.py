"""`codemill report`: one HTML file about a lake."""

import argparse
import json
from pathlib import Path
from typing import Any

from jobs.commands.options import add_json, add_lake, add_parser
from jobs.report.write import write_report
from jobs.runtime.errors import CodemillError
from schemas.lake import Lake


def add(commands: Any) -> None:
    found = add_parser(commands, "report", write, "write the report: one HTML file that opens offline")
    add_lake(found)
    found.add_argument("--out", default="report.html", metavar="FILE", help="default: report.html")
    add_json(found)


def write(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    try:
        path = write_report(lake.root, Path(arguments.out)).absolute()
    except OSError as error:
        raise CodemillError(
            f"the report cannot be written to {arguments.out}: {error.strerror}. Expected the name of a file: --out FILE"
        ) from error
    print(json.dumps({"report": str(path)}) if arguments.json else f"report: {path}")
    return 0
