"""`codemill trace`: what a training sequence is made of."""

import argparse
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.commands.options import add_json, add_lake, add_parser, plain
from jobs.runtime.errors import CodemillError
from schemas.decide import KEPT
from schemas.lake import Lake
from schemas.mix import SEQUENCES


def add(commands: Any) -> None:
    found = add_parser(commands, "trace", trace, "list the documents, repositories and licences inside a training sequence")
    found.add_argument("sequence", metavar="SEQUENCE", help="its name, such as demo/train/00003/000012")
    add_lake(found)
    add_json(found)


def trace(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    rows = lake.read(SEQUENCES, ["sequence", "mixture", "pieces", "text_bytes"], pc.field("sequence") == arguments.sequence).to_pylist()
    if not rows:
        raise CodemillError(f"mix/sequences has no sequence {arguments.sequence!r}; a name looks like {example(lake)}")
    pieces = sources(lake, rows[0])
    if arguments.json:
        print(json.dumps({"sequence": arguments.sequence, "text_bytes": rows[0]["text_bytes"], "pieces": pieces}))
        return 0
    print(f"{arguments.sequence}: {len(pieces)} pieces, {rows[0]['text_bytes']:,} bytes of text")
    for piece in pieces:
        said = (
            f"  {piece['token_count']:>6,} tokens from {piece['token_offset']:>7,}  {piece['repository']}  {piece['path']}"
            f"  ({piece['language'] or 'language unknown'}, licence {piece['licence'] or 'unknown'})  {piece['candidate'][:16]}"
        )
        print(plain(said))
    return 0


def sources(lake: Lake, sequence: dict[str, Any]) -> list[dict[str, Any]]:
    """The pieces of a sequence with the occurrence that the policy picked for each."""
    candidates = pa.array({piece["candidate"] for piece in sequence["pieces"]}, pa.string())
    where = (pc.field("policy") == sequence["mixture"]) & pc.field("candidate").isin(candidates)
    columns = ["kind", "candidate", "repository", "path", "language", "licence"]
    kept = {(row["kind"], row["candidate"]): row for row in lake.read(KEPT, columns, where).to_pylist()}
    unknown = dict.fromkeys(columns[2:])
    return [piece | kept.get((piece["kind"], piece["candidate"]), unknown) for piece in sequence["pieces"]]


def example(lake: Lake) -> str:
    for batch in lake.scan(SEQUENCES, ["sequence"]):
        if batch.num_rows:
            return str(batch.column(0)[0].as_py())
    return "demo/train/00000/000000 (there are none yet: `codemill mix` makes them)"
