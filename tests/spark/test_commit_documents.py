"""Documents of commits: what is predicted gives the commit's own files, and the context is from before it, in any order of work."""

import subprocess
from itertools import islice
from pathlib import Path

import pytest

from jobs.annotate import commit_facts
from jobs.annotate.commit_facts import CommitFactsParams
from jobs.assemble import commits as assemble
from jobs.assemble.commit_rows import made
from jobs.assemble.commit_snapshots import walk
from jobs.assemble.commits import CommitsParams
from jobs.ingest import commits, files
from jobs.ingest.commits import CommitsParams as ReadParams
from jobs.ingest.files import IngestParams
from jobs.runtime.job import Account
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.snapshots import open_blobs
from schemas.annotate import COMMIT_FACTS
from schemas.assemble import COMMIT_CONTEXTS, DOCUMENTS
from schemas.decide import KEPT
from schemas.ingest import COMMITS, REPOSITORIES
from tests.git_history import History
from tests.job_runs import run_job
from tests.table_rows import put_rows
from udfs.bm25 import Index, file_terms, terms
from udfs.commit_layout import applied, read

LIBRARY = Path(subprocess.__file__).parent
CUT = "more lines\n"


@pytest.fixture
def repository(tmp_path):
    """A history of real files with all kinds of change, two branches that are merged, and commits that cannot be written."""
    found = History(tmp_path / "repository")
    texts = {name: (LIBRARY / name).read_text() for name in ("textwrap.py", "shlex.py", "string.py", "bisect.py", "heapq.py")}
    found.commit("Import five modules of the library", {f"lib/{name}": text for name, text in texts.items()} | {"README.md": "# Modules\n"})
    found.commit(
        "Let shlex say which punctuation it knows", {"lib/shlex.py": texts["shlex.py"].replace("self.eof = ''", "self.eof = None")}
    )
    found.git("checkout", "-qb", "side")
    found.commit(
        "Wrap text without expanding tabs", {"lib/textwrap.py": texts["textwrap.py"].replace("expand_tabs=True", "expand_tabs=False")}
    )
    found.git("checkout", "-q", "main")
    found.git("mv", "lib/bisect.py", "lib/search.py")
    found.commit("Call bisect search", {"lib/search.py": texts["bisect.py"].replace("def insort_right", "def insert_right")})
    found.commit("Drop heapq, which nobody uses", {"lib/heapq.py": None, "docs/README": "Docs\n", "docs/why.txt": "no line feed"})
    found.git("merge", "-q", "-m", "Merge the side branch", "side")
    (found.path / "run.sh").write_text("echo\n")
    (found.path / "run.sh").chmod(0o755)
    found.commit("Add a script that runs the tests", {"docs/why.txt": "no line feed, still"})
    found.commit("A picture of the modules", {"picture.png": b"\x89PNG\0\1"})
    found.commit("Everything at once in one large file", {"large.py": "".join(f"value_{n} = {n}\n" for n in range(9000))})
    return found


def prepared(tables, repository):
    run_job(tables, files, IngestParams((f"git:{repository.path}",)))
    run_job(tables, commits, ReadParams())
    keep(tables, [row.commit for row in tables[COMMITS].collect()])


def keep(tables, ids):
    known = {
        "kind": "commit",
        "policy": "demo",
        "policy_hash": "x",
        "repository": "git:repository",
        "path": "",
        "size_bytes": 1,
        "split": "train",
    }
    rows = [known | {"token_estimate": 1, "candidate": f"git:repository@{one}"} for one in ids]
    put_rows(tables.lake, KEPT, rows)


def documents(tables, **params):
    run_job(tables, assemble, CommitsParams(**params))
    layout = CommitsParams(**params).layout
    contexts = {row.commit: row.asDict() for row in tables[COMMIT_CONTEXTS].where(f"layout = '{layout}'").collect()}
    texts = {row.candidate.split("@")[1]: row.text for row in tables[DOCUMENTS].where(f"layout = '{layout}'").collect()}
    return contexts, texts


def shown(repository, commit, path):
    done = subprocess.run(["git", "show", f"{commit}:{path}"], cwd=repository.path, capture_output=True)
    return None if done.returncode else done.stdout.decode()


def test_what_is_predicted_gives_the_commit_and_the_context_is_from_before_it(tables, repository):
    prepared(tables, repository)
    contexts, texts = documents(tables)
    assert contexts.keys() == set(repository.git("rev-list", "HEAD").split())
    by_message = {repository.git("log", "-1", "--format=%s", one): row for one, row in contexts.items()}
    assert by_message["A picture of the modules"]["reason"] == "not_text"
    assert by_message["Everything at once in one large file"]["reason"] == "too_long"
    assert by_message["Import five modules of the library"]["reason"] == "too_long"
    assert sum(row["reason"] is not None for row in contexts.values()) == 3 == len(contexts) - len(texts)
    for commit, text in texts.items():
        found = read(text)
        assert len(text.encode()) <= CommitsParams().budget_bytes
        assert found.message == repository.git("log", "-1", "--format=%B", commit)
        before = {path: ("100644", body) for path, body in found.files}
        for path, body in [*found.files, *([found.readme] if found.readme else [])]:
            old = shown(repository, f"{commit}^", path)
            assert old is not None and (body == old or (body.endswith(CUT) and old.startswith(body[: body.rindex("... ")])))
        for change in found.changes:
            old_path = change.old_path or change.path
            if change.kind != "create":
                before[old_path] = ("100755" if old_path == "run.sh" else "100644", shown(repository, f"{commit}^", old_path))
        for path, after in applied(found.changes, before).items():
            assert (after and after[1]) == shown(repository, commit, path)
            if after:
                assert repository.git("ls-tree", commit, path).split()[0] == after[0]
        changed = {
            path for path in repository.git("diff-tree", "-r", "--name-only", "--no-commit-id", "--root", f"{commit}^@", commit).split()
        }
        predicted = {change.path for change in found.changes} | {change.old_path for change in found.changes if change.old_path}
        assert predicted == changed or len(repository.git("log", "-1", "--format=%P", commit).split()) != 1


def test_a_search_looks_through_the_snapshot_as_one_made_from_scratch_does(tables, repository):
    prepared(tables, repository)
    (history,) = (row.history for row in tables[REPOSITORIES].collect())
    rows = {row.commit: row.asDict(recursive=True) for row in tables[COMMITS].collect()}
    ordered = [rows[one] for one in repository.git("rev-list", "--reverse", "--topo-order", "HEAD").split()]
    with open_bundle(Path(tables.lake.root) / history) as borrowed:
        for commit, snapshot, _ in walk(borrowed, ordered):
            fresh = Index()
            if commit["parents"]:
                for path in repository.git("ls-tree", "-r", "--name-only", commit["parents"][0]).split("\n"):
                    raw = subprocess.run(["git", "show", f"{commit['parents'][0]}:{path}"], cwd=repository.path, capture_output=True).stdout
                    if b"\0" not in raw:
                        fresh.add(path, file_terms(path, raw.decode()))
            query = terms(commit["message"])
            assert snapshot.index.scores(query) == pytest.approx(fresh.scores(query), rel=1e-12)
            assert len(snapshot.index) == len(fresh)


def test_documents_do_not_depend_on_which_commits_are_made_together(tables, repository):
    prepared(tables, repository)
    ids = sorted(row.commit for row in tables[COMMITS].collect())
    keep(tables, ids[::2])
    first, _ = documents(tables)
    assert first.keys() == set(ids[::2])
    keep(tables, ids)
    contexts, texts = documents(tables)
    again = CommitsParams(budget_bytes=28_671)  # the same but for a byte: made anew
    assert again.layout != CommitsParams().layout
    whole, whole_texts = documents(tables, budget_bytes=28_671, range_commits=2)  # each range begins with a snapshot of its own
    assert whole_texts.keys() == texts.keys()
    assert {one: row["best_rank"] for one, row in whole.items()} == {one: row["best_rank"] for one, row in contexts.items()}
    assert {one: read(text).changes for one, text in texts.items()} == {one: read(text).changes for one, text in whole_texts.items()}


def test_the_variant_without_changed_files_shows_only_what_the_message_finds(tables, repository):
    prepared(tables, repository)
    policy = ("commit_shows_changed_files=false", "commit_query=subject")
    contexts, texts = documents(tables, policy=policy, retrieved=1)
    assert texts and all(len(read(text).files) <= 1 for text in texts.values())
    assert all(row["best_rank"] == row["subject_rank"] for row in contexts.values())
    assert "/found/subject/" in CommitsParams(policy=policy).layout and "/changed/weighted5/" in CommitsParams().layout


def test_a_small_budget_cuts_the_context_and_never_what_is_predicted(tables, repository):
    prepared(tables, repository)
    contexts, texts = documents(tables, budget_bytes=3000)
    assert texts and all(len(text.encode()) <= 3000 for text in texts.values())
    assert {cut for row in contexts.values() for cut in row["cuts"]} >= {"changed", "found"}
    _, whole = documents(tables)
    assert all(read(text).changes == read(whole[one]).changes for one, text in texts.items())


def flagged(tables):
    run_job(tables, commit_facts, CommitFactsParams())
    return {row.commit: row.flags for row in tables[COMMIT_FACTS].collect()}


def made_without_spark(tables, bundle):
    """Contexts and texts as one walk over the whole history gives them."""
    plan = CommitsParams().plan
    rows = {row.commit: row.asDict(recursive=True) for row in tables[COMMITS].collect()}
    with open_bundle(bundle) as repository:
        (tip,) = (row.commit for row in tables[REPOSITORIES].collect())
        walked = walk(repository, [rows[one] for one in commit_ids(repository, tip)])
        found = {commit["commit"]: made(commit, snapshot, patch, plan) for commit, snapshot, patch in walked}
    texts = {one: row.pop("text") for one, row in found.items()}
    return found, {one: text for one, text in texts.items() if text is not None}


def test_a_bundle_that_cannot_be_unpacked_makes_rows_with_a_reason_and_is_tried_again(tables, repository):
    prepared(tables, repository)
    (bundle,) = (Path(tables.lake.root) / row.history for row in tables[REPOSITORIES].collect())
    whole = bundle.read_bytes()
    expected = made_without_spark(tables, bundle)
    bundle.write_bytes(whole[: len(whole) // 2])
    versions = set()
    for _ in range(2):  # while it is damaged, nothing is written twice
        tables.account = Account()
        contexts, texts = documents(tables)
        assert {row["reason"] for row in contexts.values()} == {"unreadable"} and not texts
        assert len(contexts) == tables[COMMITS].count() == tables.account.rejected["unreadable"] == tables.account.read_rows
        facts = flagged(tables)
        assert facts.keys() == contexts.keys() and all("unreadable" in flags for flags in facts.values())
        versions.add(tuple(tables.lake.version(table) for table in (COMMIT_CONTEXTS, COMMIT_FACTS)))
    assert len(versions) == 1
    bundle.write_bytes(whole)
    for write in islice(assemble.transform(tables, CommitsParams()), 1):  # a run that ends between its two writes
        tables.apply(write)
    tables.account = Account()
    assert documents(tables) == expected
    assert tables.account.rejected == {"too_long": 2, "not_text": 1}
    assert tables[COMMIT_CONTEXTS].count() == len(facts) and tables[DOCUMENTS].count() == len(expected[1]) > 5
    facts = flagged(tables)
    assert facts.keys() == expected[0].keys() and not any("unreadable" in flags for flags in facts.values())


def test_a_blob_that_cannot_be_read_costs_itself_and_git_is_started_again(tables, repository):
    prepared(tables, repository)
    (bundle,) = (Path(tables.lake.root) / row.history for row in tables[REPOSITORIES].collect())
    one, other = (repository.git("rev-parse", f"HEAD:lib/{name}") for name in ("shlex.py", "string.py"))
    with open_bundle(bundle) as borrowed, open_blobs(borrowed) as blobs:
        text = blobs.read(one, 1 << 20)
        assert text == (repository.path / "lib/shlex.py").read_bytes()
        assert blobs.read("1" * 40, 1 << 20) is None and blobs.read(one, 10) is None
        assert blobs.read(repository.git("rev-parse", "HEAD^{tree}"), 1 << 20) is None
        blobs._process.kill()
        blobs._process.wait()
        assert blobs.read(one, 1 << 20) is None
        assert blobs.read(one, 1 << 20) == text and blobs.read(other, 1 << 20) == (repository.path / "lib/string.py").read_bytes()
