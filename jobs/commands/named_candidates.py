"""What a name on the command line means: candidates of all kinds."""

import pyarrow as pa
import pyarrow.compute as pc

from jobs.commands.commit_story import commit_stories
from jobs.commands.explain import find
from schemas.assemble import DOCUMENTS
from schemas.decide import DROPPED, KEPT
from schemas.ingest import REPOSITORIES
from schemas.lake import Lake
from udfs.whereabouts import Candidate


def named_candidates(lake: Lake, what: str) -> set[Candidate]:
    """The candidates that a path, content key, commit, repository or a candidate's own key means, and those whose text holds them.

    A repository means itself with its documents, what was kept or dropped as a part of it, and its commits; `repository#part` one of its
    documents. A file is also in documents of other kinds that are made of it; those of repositories `shown_parts` knows.
    """
    keys, _ = find(lake, what)
    found = {("file", key) for key in keys}
    found |= {("commit", f"{row['repository']}@{row['commit']}") for row in commit_stories(lake, what)}
    repository, _, part = what.rpartition("#")
    if part.isdecimal() and lake.has_rows(REPOSITORIES, pc.field("repository") == repository):
        found.add(("repository", what))
    if lake.has_rows(REPOSITORIES, pc.field("repository") == what):
        found.add(("repository", what))
    judged = (pc.field("candidate") == what) | (pc.field("repository") == what)
    for table in (KEPT, DROPPED):
        rows = lake.read(table, ["kind", "candidate"], judged)
        found |= set(zip(rows["kind"].to_pylist(), rows["candidate"].to_pylist(), strict=True))
    return found | made_of(lake, {candidate for kind, candidate in found if kind == "file"})


def made_of(lake: Lake, keys: set[str]) -> set[Candidate]:
    """Candidates whose documents refer to one of these contents."""
    found: set[Candidate] = set()
    wanted = pa.array(sorted(keys), pa.string())
    for batch in lake.scan(DOCUMENTS, ["kind", "candidate", "contents"]) if keys else ():
        contents = batch.column("contents")
        rows = pc.unique(pc.list_parent_indices(contents).filter(pc.is_in(contents.flatten(), value_set=wanted)))
        hits = batch.take(rows)
        found |= set(zip(hits["kind"].to_pylist(), hits["candidate"].to_pylist(), strict=True))
    return found
