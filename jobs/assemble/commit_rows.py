"""Rows of one commit: its document, or the reason why there is none."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from jobs.assemble.commit_changes import NotWritableError, path_changes
from jobs.assemble.commit_snapshots import Snapshot
from jobs.decide.profiles import PolicyParams
from jobs.runtime.job import parameter
from schemas.assemble import COMMIT_CONTEXTS
from udfs import bm25, commit_context
from udfs.bm25 import terms
from udfs.commit_context import Context, fitted
from udfs.commit_layout import LAYOUT, PathChange, written
from udfs.commits import has_secret

RANKS = 20
SUBJECT_WEIGHT = 5  # of 1, 2, 3 and 5 the best in eight histories (docs/decisions/0013)
MADE = pa.schema([*COMMIT_CONTEXTS.arrow_schema, pa.field("text", pa.string())])


@dataclass(frozen=True)
class CommitsParams(PolicyParams):
    budget_bytes: int = parameter(28_672, "of a document: 8,192 tokens at 3.5 bytes", least=1024)
    retrieved: int = parameter(5, "files that the message finds, in the context", least=0, most=RANKS)
    range_commits: int = parameter(2000, "commits that one task makes documents of; the documents do not depend on it", least=1)

    @property
    def layout(self) -> str:
        """Names all that a document depends on beside its commit. Of the policy: which files are shown, and what asks for them."""
        policy = self.resolved()
        files = "changed" if policy.commit_shows_changed_files else "found"
        files += "" if "secret" in policy.drop_commits else "+secret"
        versions = f"{LAYOUT}.{commit_context.VERSION}.{bm25.VERSION}"
        weight = str(SUBJECT_WEIGHT) if policy.commit_query == "weighted" else ""
        return f"{versions}/{files}/{policy.commit_query}{weight}/{self.budget_bytes}/{self.retrieved}"

    @property
    def plan(self) -> "Plan":
        policy = self.resolved()
        has_secrets = "secret" not in policy.drop_commits
        return Plan(self.layout, self.budget_bytes, self.retrieved, policy.commit_shows_changed_files, policy.commit_query, has_secrets)


@dataclass(frozen=True)
class Plan:
    """What the rows are made by. `shows_secrets`: the policy keeps commits with keys, so files with keys are shown too."""

    layout: str
    budget_bytes: int
    retrieved: int
    shows_changed_files: bool
    query: str
    shows_secrets: bool


def queries(message: str) -> dict[str, dict[str, int]]:
    """How often each term counts, by the name of what asks, of `jobs.decide.policy.COMMIT_QUERIES`."""
    whole, subject = terms(message), terms(message.lstrip().partition("\n")[0])
    weighted = dict.fromkeys(whole, 1) | dict.fromkeys(subject, SUBJECT_WEIGHT)
    return {"weighted": weighted, "message": dict.fromkeys(whole, 1), "subject": dict.fromkeys(subject, 1)}


def made(commit: dict[str, Any], snapshot: Snapshot, patch: bytes | str, plan: Plan) -> dict[str, Any]:
    """A row of MADE."""
    changed = {change["old_path"] or change["path"] for change in commit["changes"]}
    asked = queries(commit["message"])
    found = {plan.query: snapshot.index.search(asked[plan.query], RANKS)}
    is_same = asked[plan.query].keys() == asked["subject"].keys()  # and all weigh the same: there is no other line
    found["subject"] = found[plan.query] if is_same else snapshot.index.search(asked["subject"], RANKS)
    ranks = {name: next((rank for rank, (path, _) in enumerate(some, start=1) if path in changed), None) for name, some in found.items()}
    row = without(commit, plan, None) | {"snapshot_files": len(snapshot.index), "best_rank": ranks[plan.query]}
    row |= {"subject_rank": ranks["subject"], "cuts": ["index"] if snapshot.is_index_full else []}
    try:
        changes = path_changes(commit, snapshot, patch)
        context, text, has_secrets = document_of(commit, changes, snapshot, [path for path, _ in found[plan.query]], plan)
    except NotWritableError as error:
        return row | {"reason": str(error)}
    row |= {f"{name}_bytes": size for name, size in context.bytes_of.items()}
    return row | {"text": text, "cuts": [*context.cuts, *(["secret"] if has_secrets else []), *row["cuts"]]}


def document_of(
    commit: dict[str, Any], changes: tuple[PathChange, ...], snapshot: Snapshot, found: list[str], plan: Plan
) -> tuple[Context, str, bool]:
    """What the document holds, its text, and whether files were left out of it because they show a key. `found`: paths, best first."""
    secrets: set[str] = set()
    while True:
        context = context_of(commit, changes, snapshot, found, plan, secrets)
        text = written(context.document)
        if plan.shows_secrets or not has_secret(text.encode()):
            return context, text, bool(secrets)
        shown = [*context.document.files, *([context.document.readme] if context.document.readme else [])]
        more = {path for path, body in shown if has_secret(body.encode())}
        if not more:  # it stands beside a change
            raise NotWritableError("secret")
        secrets |= more


def context_of(
    commit: dict[str, Any], changes: tuple[PathChange, ...], snapshot: Snapshot, found: list[str], plan: Plan, left_out: set[str]
) -> Context:
    changed = {change["old_path"] or change["path"] for change in commit["changes"]}
    readme = snapshot.directories.readme(sorted(changed))
    shown = sorted(changed & snapshot.files.keys()) if plan.shows_changed_files else []
    others = [path for path in found[: plan.retrieved] if path not in shown]
    texts = {path: snapshot.text(path) for path in [*shown, *others, *([readme] if readme else [])] if path not in left_out}
    files = {path: (path, text) for path, text in texts.items() if text is not None}
    context = fitted(
        commit["message"],
        changes,
        files.get(readme) if readme and readme not in shown else None,
        partial(snapshot.directories.text, [change.old_path or change.path for change in changes]),
        [files[path] for path in shown if path in files],
        [files[path] for path in others if path in files],
        plan.budget_bytes,
    )
    if context is None:
        raise NotWritableError("too_long")
    return context


def without(commit: dict[str, Any], plan: Plan, reason: str | None) -> dict[str, Any]:
    """A row of MADE of a commit that has no document."""
    row: dict[str, Any] = {"repository": commit["repository"], "commit": commit["commit"], "layout": plan.layout, "reason": reason}
    row |= {"snapshot_files": 0, "best_rank": None, "subject_rank": None, "cuts": [], "text": None}
    return row | dict.fromkeys(("message_bytes", "readme_bytes", "tree_bytes", "files_bytes", "predicted_bytes"), 0)
