"""`codemill counts`: the ledger."""

import argparse
import json
from typing import Any

from jobs.commands.options import add_json, add_lake, add_parser, console
from jobs.commands.summary import phase_table
from jobs.runtime.errors import CodemillError
from jobs.runtime.ledger import runs
from schemas.lake import Lake


def add(commands: Any) -> None:
    found = add_parser(commands, "counts", show, "print the ledger: what every job read, wrote, dropped and rejected")
    add_lake(found)
    found.add_argument("--run", metavar="ID", help="one run; default: the newest")
    found.add_argument("--all", action="store_true", help="all runs")
    found.add_argument("--errors", action="store_true", help="print the whole errors of failed jobs")
    add_json(found)


def show(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    rows = runs(lake)
    if not rows:
        raise CodemillError(f"the ledger of {lake.root} is empty; `codemill run --lake {lake.root} --source PATH` writes it")
    wanted = arguments.run or rows[-1]["run"]
    rows = rows if arguments.all else [row for row in rows if row["run"] == wanted]
    if not rows:
        raise CodemillError(f"the ledger has no run {wanted!r}; `codemill counts --all` shows those it has")
    if arguments.json:
        print(json.dumps(rows, default=str))
        return 0
    out = console()
    for run in dict.fromkeys(row["run"] for row in rows):
        out.print(f"run {run}", highlight=False)
        out.print(phase_table([row for row in rows if row["run"] == run]))
    for row in rows:
        if row["error"] and arguments.errors:
            out.print(f"{row['job']} in {row['run']}:\n{row['error']}", markup=False, highlight=False)
    return 0
