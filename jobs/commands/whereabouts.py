"""`codemill where`: in which sequences, shards and exports a file, commit, repository or page ended up, and at which row."""

import argparse
import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.commands.held_sections import tokenizer_by, tokenizer_of
from jobs.commands.named_candidates import named_candidates
from jobs.commands.options import add_json, add_lake, add_mixture, add_parser, plain
from jobs.commands.repository_story import names_like
from jobs.commands.sequence_places import in_sequences
from jobs.commands.shown_parts import ShownParts, candidates_told
from jobs.mix.group_files import read_group
from jobs.mix.mixtures import anew, check_whole, export_status, mixtures_there, shards_of
from jobs.runtime.errors import CodemillError
from schemas.decide import DROPPED, KEPT
from schemas.lake import SHARDS, Lake
from udfs.export_formats import FORMATS
from udfs.exports import Export
from udfs.shards import read_manifest
from udfs.whereabouts import Candidate, Place, exported_place, places, whole_candidate

MOST_LINES = 10


def add(commands: Any) -> None:
    found = add_parser(commands, "where", where, "say where something ended up: sequences, rows of shards, places in exports")
    found.add_argument(
        "what",
        metavar="CANDIDATE",
        help="REPOSITORY/PATH, a path or its end, a content key or a commit's id or its first digits, REPOSITORY@ID, a repository's name, "
        "REPOSITORY#PART as `trace` names documents of repositories, or a candidate's key as in decide/kept. Which commits show a file as "
        "context is in no table: their documents are found by commit or repository",
    )
    add_lake(found)
    add_mixture(found, "all that there are")
    add_json(found)


def where(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    wanted = named_candidates(lake, arguments.what)
    if not wanted:
        raise CodemillError(
            f"{arguments.what} is not in {lake.root}: it is no path, content key, commit, repository or candidate there.\n"
            "`codemill explain` also knows what ingest rejected; `codemill counts --all` shows what was read."
            + names_like(lake, arguments.what)
        )
    name, shown = arguments.mixture, ShownParts(lake, wanted)
    mixtures = {name: shards_of(lake, name)} if name else mixtures_there(lake)
    shards, faults = [], []
    for mixture, folder in mixtures.items():
        try:
            shards += list(in_shards(lake, wanted, shown, mixture, folder))
        except CodemillError as error:  # of this one alone: what the others hold is told
            faults.append(str(error))
    found = {
        "candidates": verdicts(lake, candidates_told(wanted, shown, arguments.what), shown),
        "sequences": sequences_of(lake, wanted, shown, name),
        "shards": shards,
        "exports": {mixture: exports_of(lake, folder) for mixture, folder in mixtures.items()},
        "faults": faults,
    }
    print(json.dumps(found) if arguments.json else "\n".join(map(plain, told(lake, found))))
    if faults:
        raise CodemillError("\n".join(faults))
    return 0


def verdicts(lake: Lake, wanted: list[Candidate], shown: ShownParts) -> list[dict[str, Any]]:
    """The candidates in order, each with what policies said of it, or of its repository; `shows` are paths of the files
    that were asked for."""
    is_wanted = pc.field("candidate").isin(pa.array(sorted({whole_candidate(*one) for one in wanted}), pa.string()))
    columns = ["kind", "candidate", "policy", "repository", "path"]
    by_candidate: dict[Candidate, list[dict[str, Any]]] = defaultdict(list)
    for table, more in ((KEPT, ["split"]), (DROPPED, ["reasons", "survivor"])):
        for row in lake.read(table, [*columns, *more], is_wanted).to_pylist():
            by_candidate[row["kind"], row["candidate"]].append(row)
    return [
        {"kind": kind, "candidate": candidate, "verdicts": by_candidate[kind, whole_candidate(kind, candidate)]}
        | ({"shows": shown.paths[kind, candidate]} if (kind, candidate) in shown.paths else {})
        for kind, candidate in wanted
    ]


def sequences_of(lake: Lake, wanted: set[Candidate], shown: ShownParts, mixture: str = "") -> list[str]:
    """Names of the sequences in mix/sequences with places of the candidates, in order."""
    by_mixture: dict[str, list[Place]] = defaultdict(list)
    for place in in_sequences(lake, wanted | set(shown.paths), mixture):
        by_mixture[place.sequence.partition("/")[0]].append(place)
    return sorted(
        {place.sequence for mixture, found in by_mixture.items() for place, _ in shown.holding(found, partial(tokenizer_of, lake, mixture))}
    )


def in_shards(lake: Lake, wanted: set[Candidate], shown: ShownParts, mixture: str, folder: str = SHARDS) -> Iterator[dict[str, Any]]:
    """Pieces as they lie in the shards of a mixture, each with its place in every export of these shards, and `is_certain`, which is false
    where a piece of a document of a repository is perhaps of its other files."""
    manifest = read_manifest(lake.path(folder))
    check_whole(lake, folder, manifest)
    tokenizer = partial(tokenizer_by, lake, manifest.tokenizer_sha256)
    exports = {format: export for format in FORMATS if (export := export_status(lake, format, folder)[1])}
    found: list[Place] = []
    shard_of: dict[int, str] = {}  # by the place's id
    for shard in (shard for split in manifest.splits.values() for shard in split.shards):
        there = list(places(read_group(f"{lake.path(folder)}/{shard.file}", ["sequence", "pieces"]), wanted | set(shown.paths)))
        shard_of |= {id(place): shard.file for place in there}
        found += there
    for place, is_certain in shown.holding(found, tokenizer):  # all at once: their documents are read in one pass
        file = shard_of[id(place)]
        at = {"mixture": mixture, "folder": folder, "shard": file, "exports": exported(exports, file, place)}
        yield dataclasses.asdict(place) | at | {"is_certain": is_certain}


def exported(exports: dict[str, Export], shard: str, place: Place) -> dict[str, Any]:
    """By format: the file that was made of a row of a shard, and the place in it."""
    made = {
        format: part
        for format, export in exports.items()
        for split in export.splits.values()
        for part in split.shards
        if part.shard == shard
    }
    return {format: exported_place(format, part, place) for format, part in made.items()}


def exports_of(lake: Lake, folder: str) -> dict[str, str]:
    """By format whether the export there is of these shards: `current` or `stale`."""
    return {format: status for format in FORMATS if (status := export_status(lake, format, folder)[0])}


def told(lake: Lake, found: dict[str, Any]) -> Iterator[str]:
    for row in found["candidates"][:MOST_LINES]:
        yield f"{row['kind']} {row['candidate']}" + (f", which shows {', '.join(row['shows'])}" if "shows" in row else "")
        yield from map(verdict_told, row["verdicts"])
        if not row["verdicts"]:
            yield "  no policy has judged it"
    if len(found["candidates"]) > MOST_LINES:
        yield f"... and {len(found['candidates']) - MOST_LINES:,} more candidates; --json has them all"
    yield f"in {len(found['sequences']):,} sequences" + (f", from {found['sequences'][0]} on" if found["sequences"] else "")
    for kind in sorted({place["kind"] for place in found["shards"]}):
        there = [place for place in found["shards"] if place["kind"] == kind]
        for place in there[:MOST_LINES]:
            yield from place_told(place)
        if len(there) > MOST_LINES:
            yield f"  ... and {len(there) - MOST_LINES:,} more places of kind {kind}; --json has them all"
    if found["sequences"] and not found["shards"] and not found["faults"]:
        yield f"in no shard: {anew(found['sequences'][0].partition('/')[0], lake.root)} writes them anew"
    for mixture, exports in found["exports"].items():
        for format in (format for format, status in exports.items() if status == "stale"):
            command = anew(mixture, lake.root, "mix.exports", f"--formats {format}")
            yield f"the {format} export of {mixture} is of other shards: {command} writes it anew"


def verdict_told(row: dict[str, Any]) -> str:
    origin = f"{row['repository']}  {row['path']}".strip()
    if "split" in row:
        return f"  kept by policy {row['policy']} for {row['split']}, as {origin}"
    survivor = f"; in its place: {row['survivor']}" if row["survivor"] else ""
    return f"  dropped by policy {row['policy']} because of {', '.join(row['reasons'])}, as {origin}{survivor}"


def place_told(place: dict[str, Any]) -> Iterator[str]:
    end = place["token_offset"] + place["token_count"]
    name = place["candidate"] if place["kind"] in ("commit", "repository") else place["candidate"][:24]
    perhaps = "" if place["is_certain"] else "  (perhaps: its text is not the one of now, or its tokens cannot be made again)"
    yield f"  {place['kind']} {name}  tokens {place['token_offset']:,} to {end:,}{perhaps}"
    row = f"{place['folder']}/{place['shard']} row {place['row']:,}"
    yield f"    sequence {place['sequence']} from its token {place['sequence_token']:,}; {row}"
    for format, at in place["exports"].items():
        unit = next(name for name in at if name != "file")
        yield f"    {format}: {at['file']} {unit} {at[unit]:,}"
