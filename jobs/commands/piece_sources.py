"""Where the pieces of training sequences come from: what the lake knows of each document, by kind."""

from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.commands.held_sections import KINDS, Held, held_by
from schemas.assemble import REPOSITORY_PARTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import COMMITS, PAGES
from schemas.lake import Lake
from schemas.mix import MANIFEST
from udfs.tokenizer import Tokenizer
from udfs.whereabouts import whole_candidate

VERDICT = ["repository", "path", "language", "licence"]

Row = dict[str, Any]


def sourced(lake: Lake, policy: str, pieces: list[Row], tokenizer: Callable[[], Tokenizer | None]) -> list[Row]:
    """The pieces, each with the occurrence that the policy picked, and what is known by its kind; null is what is not known.

    kind file: path, language, licence. kind repository: part. kind commit: commit, message (its first line), author_time. kind page: url,
    host, title. Those of repositories and commits have files, and files_of (`files_of_piece`), for which
    `tokenizer` is asked. `verdict` is the policy's of today: kept, dropped, or null where it knows no such candidate any more.
    """
    whole = {(piece["kind"], whole_candidate(piece["kind"], piece["candidate"])) for piece in pieces}
    where = (pc.field("policy") == policy) & among("candidate", (candidate for _, candidate in whole))
    verdicts = {
        (row["kind"], row["candidate"]): {name: row[name] for name in VERDICT} | {"verdict": verdict}
        for verdict, table in (("dropped", DROPPED), ("kept", KEPT))
        for row in lake.read(table, ["kind", "candidate", *VERDICT], where).to_pylist()
    }
    unknown = dict.fromkeys([*VERDICT, "verdict"])
    by_kind = {"commit": commits, "page": pages}
    found = {kind: read(lake, [piece for piece in pieces if piece["kind"] == kind]) for kind, read in by_kind.items()}
    held = held_by(lake, tokenizer(), pieces) if any(piece["kind"] in KINDS for piece in pieces) else [None] * len(pieces)
    return [
        piece
        | verdicts.get((piece["kind"], whole_candidate(piece["kind"], piece["candidate"])), unknown)
        | found.get(piece["kind"], {}).get(piece["candidate"], {})
        | files_of_piece(lake, piece, sections)
        for piece, sections in zip(pieces, held, strict=True)
    ]


def policy_of(lake: Lake, mixture: str) -> str:
    """Whose kept documents were mixed."""
    rows = lake.read(MANIFEST, ["policy"], pc.field("mixture") == mixture).to_pylist()
    return str(rows[0]["policy"]) if rows else mixture


def among(column: str, values: Iterable[str]) -> Any:
    return pc.field(column).isin(pa.array(sorted(set(values)), pa.string()))


def commits(lake: Lake, pieces: list[Row]) -> dict[str, Row]:
    wanted = {piece["candidate"]: piece["candidate"].rpartition("@") for piece in pieces}
    columns = ["repository", "commit", "message", "author_time"]
    rows = lake.read(COMMITS, columns, among("commit", (commit for _, _, commit in wanted.values()))) if wanted else None
    found = {(row["repository"], row["commit"]): row for row in rows.to_pylist()} if rows else {}
    return {
        candidate: {
            "repository": repository,
            "commit": commit,
            "message": found.get((repository, commit), {}).get("message", "").partition("\n")[0],
            "author_time": found.get((repository, commit), {}).get("author_time"),
        }
        for candidate, (repository, _, commit) in wanted.items()
    }


def pages(lake: Lake, pieces: list[Row]) -> dict[str, Row]:
    if not pieces:
        return {}
    columns = ["content_sha256", "record", "url", "host", "title"]
    rows = lake.read(PAGES, columns, among("content_sha256", (piece["candidate"] for piece in pieces)))
    # Of several records of one text the last that is looked at stays: the one with the shortest address.
    found = sorted(rows.to_pylist(), key=lambda row: (len(row["url"]), row["url"], row["record"]), reverse=True)
    return {row.pop("content_sha256"): row for row in found}


def files_of_piece(lake: Lake, piece: Row, held: Held | None) -> Row:
    """`files` in order and `files_of`: `piece` where its range is known to hold them; else `document`, and they are those of all of it.

    A part of a repository of which the text is no longer in assemble/documents has none. Of a commit they are what it shows or changes.
    """
    if piece["kind"] == "repository":
        repository, _, part = piece["candidate"].rpartition("#")
        files = files_of(lake, repository, part, held.layout) if held else []
        is_known = held is not None and held.numbers is not None and len(files) == len(held.sections)
        files = [files[number] for number in held.numbers] if is_known and held and held.numbers is not None else files
        return {"part": part} | ({"files": files, "files_of": "piece" if is_known else "document"} if held else {})
    if piece["kind"] != "commit":
        return {}
    if held is None:
        return {"files": changed_files(lake, piece["candidate"]), "files_of": "document"}
    numbers = range(len(held.sections)) if held.numbers is None else held.numbers
    shown: dict[str, list[str]] = {}
    for section in (held.sections[number] for number in numbers):
        if section.path is not None:
            shown.setdefault(section.path, []).append(section.kind)
    files = [{"path": path, "as": list(dict.fromkeys(kinds))} for path, kinds in shown.items()]
    return {"files": files, "files_of": "document" if held.numbers is None else "piece"}


def changed_files(lake: Lake, candidate: str) -> list[Row]:
    repository, _, commit = candidate.rpartition("@")
    rows = lake.read(COMMITS, ["changes"], (pc.field("repository") == repository) & (pc.field("commit") == commit)).to_pylist()
    return [{"path": change["path"], "as": [change["status"]]} for row in rows for change in row["changes"]]


def files_of(lake: Lake, repository: str, part: str, layout: str) -> list[Row]:
    if not part.isdecimal():
        return []
    is_it = (pc.field("repository") == repository) & (pc.field("part") == int(part)) & (pc.field("layout") == layout)
    rows = lake.read(REPOSITORY_PARTS, ["position", "path", "language", "content_sha256"], is_it).sort_by("position")
    return [dict(row) for row in rows.to_pylist()]
