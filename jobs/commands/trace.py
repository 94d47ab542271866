"""`codemill trace`: what a training sequence is made of.

A name says where a sequence lies, and not what it holds: a mixture that was mixed again has other sequences under the old names. What a
trainer read stands in its shards, whose pieces name their documents and the hashes of their texts: `--shards FOLDER` tells those.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow.compute as pc

from jobs.commands.held_sections import tokenizer_by, tokenizer_of
from jobs.commands.options import add_json, add_lake, add_parser, plain
from jobs.commands.options import named as named_folder
from jobs.commands.piece_sources import policy_of, sourced
from jobs.commands.shard_rows import sequence_in_shards
from jobs.mix.mixtures import mixtures_there
from jobs.runtime.errors import CodemillError
from schemas.lake import Lake
from schemas.mix import MANIFEST, SEQUENCES
from udfs.shards import read_manifest


def add(commands: Any) -> None:
    help = "list what is inside a training sequence: files, repositories, commits and pages, with their licences"
    found = add_parser(commands, "trace", trace, help)
    found.add_argument("sequence", metavar="SEQUENCE", help="its name, such as demo/train/00003/000012")
    add_lake(found)
    help = "shards that it lies in, such as those that a model was trained on (default: the lake's sequences of now)"
    found.add_argument("--shards", metavar="FOLDER", type=named_folder, help=help)
    add_json(found)


def trace(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    if arguments.shards:
        manifest, row = sequence_in_shards(arguments.shards, arguments.sequence)
        policy, tokenizer = manifest.policy or policy_of(lake, manifest.mixture), partial(tokenizer_by, lake, manifest.tokenizer_sha256)
    else:
        row = in_lake(lake, arguments.sequence)
        policy, tokenizer = policy_of(lake, row["mixture"]), partial(tokenizer_of, lake, row["mixture"])
        for folder in other_shards(lake, row["mixture"]):
            sys.stderr.write(
                f"codemill: {folder} has other sequences under these names. What a trainer read is told by --shards {folder}\n"
            )
    pieces = sourced(lake, policy, row["pieces"], tokenizer)
    if arguments.json:
        print(json.dumps({"sequence": arguments.sequence, "text_bytes": row["text_bytes"], "pieces": pieces}))
        return 0
    print(f"{arguments.sequence}: {len(pieces)} pieces, {row['text_bytes']:,} bytes of text")
    for piece in pieces:
        for line in told(piece):
            print(plain(line))
    return 0


def in_lake(lake: Lake, sequence: str) -> dict[str, Any]:
    rows = lake.read(SEQUENCES, ["sequence", "mixture", "pieces", "text_bytes"], place_of(sequence)).to_pylist()
    if not rows:
        raise CodemillError(f"mix/sequences has no sequence {sequence!r}; a name looks like {example(lake)}")
    return dict(rows[0])


def other_shards(lake: Lake, mixture: str) -> Iterator[str]:
    """The folder of the mixture's shards where they are not of the sequences of now."""
    hashes = {row["sequences_hash"] for row in lake.read(MANIFEST, ["sequences_hash"], pc.field("mixture") == mixture).to_pylist()}
    folder = mixtures_there(lake).get(mixture)
    if folder and hashes and {read_manifest(lake.path(folder)).sequences_hash} != hashes:
        yield lake.path(folder)


def place_of(sequence: str) -> pc.Expression:
    """The condition on its row. A name says the file: no other is opened."""
    is_it = pc.field("sequence") == sequence
    mixture, *rest = sequence.split("/")
    if len(rest) != 3 or not rest[1].isdecimal():
        return is_it
    return (pc.field("mixture") == mixture) & (pc.field("split") == rest[0]) & (pc.field("hash_group") == int(rest[1])) & is_it


def told(piece: dict[str, Any]) -> Iterator[str]:
    """A line for the piece, and one for each file of a part of a repository, or that a commit shows or changes."""
    how = ["filled in the middle"] * piece["is_fim"] + [f"epoch {piece['epoch'] + 1}"] * (piece["epoch"] > 0)
    facts = [piece["language"] or "language unknown"] if piece["kind"] == "file" else []
    facts += [f"licence {piece['licence'] or 'unknown'}", *how]
    facts += [] if piece["verdict"] == "kept" else [f"{piece['verdict']} today" if piece["verdict"] else "no longer in the lake"]
    place = f"{piece['token_count']:>6,} tokens from {piece['token_offset']:>7,}"
    yield f"  {place}  {named(piece)}  ({', '.join(facts)})  {piece['text_hash']}"
    files = piece.get("files", [])
    if files and piece["files_of"] == "document":
        yield f"           files of the whole {'part' if piece['kind'] == 'repository' else 'commit'}, of which this may be some:"
    for file in files:
        known = ", ".join(file["as"]) if "as" in file else f"{file['language'] or 'language unknown'}  {file['content_sha256'][:16]}"
        yield f"           {file['path']}  {known}"


def named(piece: dict[str, Any]) -> str:
    kind = piece["kind"]
    if kind == "commit":
        return f"commit {piece['commit'][:12]} of {piece['repository']}: {piece['message']}"
    if kind == "repository":
        return f"repository {piece['candidate']}"
    if kind == "page":
        return f"page {piece.get('url') or piece['candidate']}" + (f": {piece['title']}" if piece.get("title") else "")
    return f"{piece['repository']}  {piece['path']}" if piece["path"] else f"file {piece['candidate']}"


def example(lake: Lake) -> str:
    for batch in lake.scan(SEQUENCES, ["sequence"]):
        if batch.num_rows:
            return str(batch.column(0)[0].as_py())
    return "demo/train/00000/000000 (there are none yet: `codemill mix` makes them)"
