"""`codemill explain`: the whole story of a file, from where it was found to the sequences it is in; or of a repository, commit, page."""

import argparse
import json
import re
from typing import Any

import pyarrow.compute as pc

from jobs.commands.benchmark_lines import benchmarks_told, matches_of
from jobs.commands.commit_story import commit_stories, commit_told
from jobs.commands.document_lines import checks_of, checks_told, places_of, places_told
from jobs.commands.near_duplicates import group_of, group_told, survivor_of, survivor_told
from jobs.commands.options import add_json, add_lake, add_parser, plain
from jobs.commands.page_story import page_stories, page_told
from jobs.commands.repository_story import names_like, repository_story, repository_told
from jobs.commands.sequence_places import sequences_told, sequences_with
from jobs.decide.quality import oracle_of, oracle_told
from jobs.decide.rules import REASONS
from jobs.runtime.errors import CodemillError
from schemas.annotate import SYNTAX, TEXT_FACTS
from schemas.assemble import DOCUMENTS
from schemas.decide import CUTS, DROPPED, KEPT
from schemas.ingest import CONTENTS, FILES, REJECTS
from schemas.lake import Lake

MOST_STORIES = 10
MOST_LINES = 10


def add(commands: Any) -> None:
    found = add_parser(
        commands,
        "explain",
        explain,
        "tell the whole story of a file, a commit, a page or a repository: what is known of it, why it is in or out",
    )
    found.add_argument(
        "what",
        metavar="PATH_OR_KEY",
        help="REPOSITORY/PATH, a path or its end, a repository's name, a content key or its first 8 digits or more, or a commit's id, "
        "its first 7 digits or more, or REPOSITORY@ID, or a page's address or record",
    )
    add_lake(found)
    add_json(found)


def explain(arguments: argparse.Namespace) -> int:
    lake = Lake.at(arguments.lake)
    lake.check_format()
    keys, rejects = find(lake, arguments.what)
    repository = repository_story(lake, arguments.what)
    commits, pages = commit_stories(lake, arguments.what), page_stories(lake, arguments.what)
    if not (keys or rejects or repository or commits or pages):
        raise CodemillError(
            f"{arguments.what} is not in {lake.root}: no content key and no commit starts so, no path is or ends so, no repository and no "
            "page is called so, and no reject has it.\n"
            "Was it in a source that was ingested? `codemill counts --all` shows what was." + names_like(lake, arguments.what)
        )
    stories = [story(lake, key) for key in keys[:MOST_STORIES]]
    stories = [found for found in stories if found["occurrences"] or not pages]
    if arguments.json:
        found = {
            "contents": stories,
            "rejects": rejects,
            "matches": len(keys),
            "repository": repository,
            "commits": commits,
            "pages": pages,
        }
        print(json.dumps(found, default=str))
        return 0
    for one in pages[:MOST_STORIES]:
        print("\n".join(map(plain, page_told(one))) + "\n")
    for commit in commits[:MOST_STORIES]:
        print("\n".join(map(plain, commit_told(commit))) + "\n")
    if repository:
        print("\n".join(map(plain, repository_told(repository))) + "\n")
    for reject in rejects[:MOST_STORIES]:
        print(plain(f"{reject['source']}  {reject['locator']}"))
        print(plain(f"  rejected by ingest: {reject['reason']}: {reject['detail']}") + "\n")
    for told_of in stories:
        print("\n".join(map(plain, told(told_of))) + "\n")
    if len(keys) > MOST_STORIES or len(rejects) > MOST_STORIES:
        print(f"{len(keys)} contents and {len(rejects)} rejects match; the first {MOST_STORIES} are shown. Name more of the path.")
    return 0


def find(lake: Lake, what: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Content keys and rejects that a name may mean, in order of their names."""
    keys: list[str] = []
    if re.fullmatch(r"[0-9a-fA-F]{8,64}", what):
        keys = lake.read(CONTENTS, ["content_sha256"], pc.starts_with(pc.field("content_sha256"), what.lower())).column(0).to_pylist()
    if not keys:
        files = lake.read(FILES, ["repository", "path", "content_sha256"], path_is(what, "repository", "path"))
        keys = files.sort_by([("repository", "ascending"), ("path", "ascending")]).column("content_sha256").to_pylist()
    rejects = lake.read(REJECTS, None, path_is(what, "source", "locator")).to_pylist()
    return list(dict.fromkeys(keys)), sorted(rejects, key=lambda r: (r["source"], r["locator"]))


def path_is(what: str, repository: str, path: str) -> pc.Expression:
    whole = pc.binary_join_element_wise(pc.field(repository), pc.field(path), "/")
    return (pc.field(path) == what) | (whole == what) | pc.ends_with(pc.field(path), f"/{what.lstrip('/')}")


def story(lake: Lake, key: str) -> dict[str, Any]:
    """Every row of every table about one content."""
    is_it = pc.field("content_sha256") == key
    is_candidate = (pc.field("kind") == "file") & (pc.field("candidate") == key)
    size = lake.read(CONTENTS, ["size_bytes"], is_it).column(0).to_pylist()
    return {
        "content_sha256": key,
        "size_bytes": size[0] if size else None,
        "occurrences": lake.read(FILES, None, is_it).sort_by([("repository", "ascending"), ("path", "ascending")]).to_pylist(),
        "text_facts": lake.read(TEXT_FACTS, None, is_it).to_pylist(),
        "syntax": lake.read(SYNTAX, None, is_it).to_pylist(),
        "near_duplicates": group_of(lake, key),
        "contamination": matches_of(lake, key),
        "kept": [row | judged(lake, row) for row in lake.read(KEPT, None, is_candidate).to_pylist()],
        "dropped": [
            row | {"survivor": survivor_of(lake, key, row)} | judged(lake, row)
            for row in lake.read(DROPPED, None, is_candidate).to_pylist()
        ],
        "documents": lake.read(DOCUMENTS, None, is_candidate).to_pylist(),
        "checks": checks_of(lake, "file", key),
        "repository_places": places_of(lake, key),
        "sequences": sequences_with(lake, "file", key),
    }


def judged(lake: Lake, verdict: dict[str, Any]) -> dict[str, Any]:
    """What asked for the least score of a verdict, and whose ratings its scorer learned."""
    return {"cut": cut_of(lake, verdict), "oracle": oracle_of(lake, verdict["scorer"])}


def cut_of(lake: Lake, verdict: dict[str, Any]) -> dict[str, Any] | None:
    """The row of decide/cuts that asked for the least score of a verdict; None where the policy itself did, or nothing."""
    by_scorer = (pc.field("policy") == verdict["policy"]) & (pc.field("scorer") == verdict["scorer"])
    is_it = by_scorer & pc.field("language").isin(["", verdict["language"] or ""])
    rows = lake.read(CUTS, None, is_it).to_pylist() if verdict["scorer"] else []
    rows = [row for row in rows if row["min_score_percent"] == verdict["least_score_percent"]]
    return max(rows, key=lambda row: (row["language"], row["drop_worst"]), default=None)


def told(found: dict[str, Any]) -> list[str]:
    """The story as lines."""
    lines = [f"content {found['content_sha256']}", f"  {found['size_bytes']:,} bytes; occurs {len(found['occurrences'])} times"]
    for row in found["occurrences"][:MOST_LINES]:
        lines.append(f"    {row['repository']}  {row['path']}  {row['language'] or 'language unknown'}, {row['encoding']}")
    if len(found["occurrences"]) > MOST_LINES:
        lines.append(f"    ... and {len(found['occurrences']) - MOST_LINES} more")
    for row in found["text_facts"]:
        lines.append(
            f"  text: {row['line_count']:,} lines, longest of {row['longest_line_bytes']:,} bytes"
            + f", {row['alphanumeric_share']:.0%} alphanumeric"
            + (", marked as generated" if row["has_generated_mark"] else "")
        )
    for row in found["syntax"]:
        lines.append(f"  syntax as {row['language']}: {syntax_told(row)}")
    lines.append(group_told(found["near_duplicates"]))
    lines += benchmarks_told(found["contamination"])
    for row in found["kept"]:
        lines.append(f"  kept by policy {row['policy']} ({row['policy_hash']}) for {row['split']}, as {row['repository']}  {row['path']}")
        lines += score_told(row)
    for row in found["dropped"]:
        lines.append(f"  dropped by policy {row['policy']} ({row['policy_hash']}), as {row['repository']}  {row['path']}, because")
        lines += [f"    {reason}: {REASONS.get(reason, '')}" for reason in row["reasons"]]
        lines += [survivor_told(row["survivor"])] if row["survivor"] else []
        lines += score_told(row)
    if not found["kept"] and not found["dropped"]:
        lines.append("  no policy has judged it yet: `codemill decide`")
    lines += [f"  document {row['layout']} of {len(row['contents'])} texts" for row in found["documents"]]
    lines += checks_told(found["checks"]) + places_told(found["repository_places"])
    return lines + sequences_told(found["sequences"])


def score_told(row: dict[str, Any]) -> list[str]:
    if row["score_percent"] is None:
        return []
    by, cut = f"{row['scorer']}{oracle_told(row['oracle'])}", row["cut"]
    told = f"    score {row['score_percent']} % by {by}; at least {row['least_score_percent']} % was asked"
    origin = [f"      the cut of the worst {cut['drop_worst']:.0%} of {cut['file_count']:,} {cut['population']}"] if cut else []
    return [told, *origin]


def syntax_told(row: dict[str, Any]) -> str:
    if row["status"] != "parsed":
        return str(row["status"])
    return (
        f"{row['error_bytes_share']:.2%} of bytes in {row['error_node_count']} error nodes, {row['missing_node_count']} missing nodes,"
        f" {row['comment_share']:.0%} comments (version {row['version']})"
    )
