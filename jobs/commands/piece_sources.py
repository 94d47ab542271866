"""Where the pieces of training sequences come from: what the lake knows of each document, by kind."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas import ALL_TABLES
from schemas.assemble import DOCUMENTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import COMMITS, PAGES
from schemas.lake import Lake
from schemas.mix import MANIFEST

VERDICT = ["repository", "path", "language", "licence"]
# The files of the parts of repositories, where this version of codemill makes such documents.
PARTS = next((table for table in ALL_TABLES if table.name == "assemble/repository_parts"), None)

Row = dict[str, Any]


def sourced(lake: Lake, policy: str, pieces: list[Row]) -> list[Row]:
    """The pieces, each with the occurrence that the policy picked, and what is known by its kind; null is what is not known.

    kind file: path, language, licence. kind repository: part and files. kind commit: commit, message (its first line), author_time.
    kind page: url, host, title. `verdict` is the policy's of today: kept, dropped, or null where it knows no such candidate any more.
    """
    whole = {(piece["kind"], whole_candidate(piece["kind"], piece["candidate"])) for piece in pieces}
    where = (pc.field("policy") == policy) & among("candidate", (candidate for _, candidate in whole))
    verdicts = {
        (row["kind"], row["candidate"]): {name: row[name] for name in VERDICT} | {"verdict": verdict}
        for verdict, table in (("dropped", DROPPED), ("kept", KEPT))
        for row in lake.read(table, ["kind", "candidate", *VERDICT], where).to_pylist()
    }
    unknown = dict.fromkeys([*VERDICT, "verdict"])
    by_kind = {"commit": commits, "page": pages, "repository": parts}
    found = {kind: read(lake, [piece for piece in pieces if piece["kind"] == kind]) for kind, read in by_kind.items()}
    return [
        piece
        | verdicts.get((piece["kind"], whole_candidate(piece["kind"], piece["candidate"])), unknown)
        | found.get(piece["kind"], {}).get(piece["candidate"], {})
        for piece in pieces
    ]


def policy_of(lake: Lake, mixture: str) -> str:
    """Whose kept documents were mixed."""
    rows = lake.read(MANIFEST, ["policy"], pc.field("mixture") == mixture).to_pylist()
    return str(rows[0]["policy"]) if rows else mixture


def whole_candidate(kind: str, candidate: str) -> str:
    """What the policy kept: of a part of a repository, the repository."""
    return candidate.rpartition("#")[0] or candidate if kind == "repository" else candidate


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


def parts(lake: Lake, pieces: list[Row]) -> dict[str, Row]:
    """The files of each part, in order. A text that is no longer in assemble/documents has none."""
    if not pieces:
        return {}
    found: dict[str, Row] = {}
    hashes = {piece["candidate"]: piece["text_hash"] for piece in pieces}
    documents = lake.read(DOCUMENTS, ["candidate", "layout", "text_hash"], (pc.field("kind") == "repository") & among("candidate", hashes))
    for row in documents.to_pylist():
        if row["text_hash"] == hashes[row["candidate"]]:
            repository, _, part = row["candidate"].rpartition("#")
            found[row["candidate"]] = {"part": part, "files": files_of(lake, repository, part, row["layout"])}
    return found


def files_of(lake: Lake, repository: str, part: str, layout: str) -> list[Row]:
    if PARTS is None or not part.isdecimal():
        return []
    is_it = (pc.field("repository") == repository) & (pc.field("part") == int(part)) & (pc.field("layout") == layout)
    rows = lake.read(PARTS, ["position", "path", "language", "content_sha256"], is_it).sort_by("position")
    return [dict(row) for row in rows.to_pylist()]
