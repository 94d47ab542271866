"""`codemill trace`: what a training sequence is made of."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

import pyarrow.compute as pc

from jobs.commands.options import add_json, add_lake, add_parser, plain
from jobs.commands.piece_sources import sourced
from jobs.runtime.errors import CodemillError
from schemas.lake import Lake
from schemas.mix import SEQUENCES


def add(commands: Any) -> None:
    help = "list what is inside a training sequence: files, repositories, commits and pages, with their licences"
    found = add_parser(commands, "trace", trace, help)
    found.add_argument("sequence", metavar="SEQUENCE", help="its name, such as demo/train/00003/000012")
    add_lake(found)
    add_json(found)


def trace(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    columns = ["sequence", "mixture", "pieces", "text_bytes"]
    rows = lake.read(SEQUENCES, columns, place_of(arguments.sequence)).to_pylist()
    if not rows:
        raise CodemillError(f"mix/sequences has no sequence {arguments.sequence!r}; a name looks like {example(lake)}")
    pieces = sourced(lake, rows[0]["mixture"], rows[0]["pieces"])
    if arguments.json:
        print(json.dumps({"sequence": arguments.sequence, "text_bytes": rows[0]["text_bytes"], "pieces": pieces}))
        return 0
    print(f"{arguments.sequence}: {len(pieces)} pieces, {rows[0]['text_bytes']:,} bytes of text")
    for piece in pieces:
        for line in told(piece):
            print(plain(line))
    return 0


def place_of(sequence: str) -> pc.Expression:
    """The condition on its row. A name says the file: no other is opened."""
    is_it = pc.field("sequence") == sequence
    mixture, *rest = sequence.split("/")
    if len(rest) != 3 or not rest[1].isdecimal():
        return is_it
    return (pc.field("mixture") == mixture) & (pc.field("split") == rest[0]) & (pc.field("hash_group") == int(rest[1])) & is_it


def told(piece: dict[str, Any]) -> Iterator[str]:
    """A line for the piece, and one for each file of a part of a repository."""
    how = ["filled in the middle"] * piece["is_fim"] + [f"epoch {piece['epoch'] + 1}"] * (piece["epoch"] > 0)
    facts = [piece["language"] or "language unknown"] if piece["kind"] == "file" else []
    facts += [f"licence {piece['licence'] or 'unknown'}", *how]
    place = f"{piece['token_count']:>6,} tokens from {piece['token_offset']:>7,}"
    yield f"  {place}  {named(piece)}  ({', '.join(facts)})  {piece['text_hash']}"
    for file in piece.get("files", []):
        yield f"           {file['path']}  {file['language'] or 'language unknown'}  {file['content_sha256'][:16]}"


def named(piece: dict[str, Any]) -> str:
    kind = piece["kind"]
    if kind == "commit":
        return f"commit {piece['commit'][:12]} of {piece['repository']}: {piece['message']}"
    if kind == "repository":
        return f"repository {piece['candidate']}"
    if kind == "page":
        return f"page {piece.get('url') or piece['candidate']}" + (f": {piece['title']}" if piece.get("title") else "")
    return f"{piece['repository']}  {piece['path']}"


def example(lake: Lake) -> str:
    for batch in lake.scan(SEQUENCES, ["sequence"]):
        if batch.num_rows:
            return str(batch.column(0)[0].as_py())
    return "demo/train/00000/000000 (there are none yet: `codemill mix` makes them)"
