"""Commits in the lake: read once, gone on with, read anew where history was rewritten; flagged, and judged by the policy."""

from itertools import islice
from pathlib import Path

import pytest

from jobs import sources
from jobs.annotate import commit_facts
from jobs.annotate.commit_facts import CommitFactsParams
from jobs.decide import features, gates
from jobs.decide.features import FeaturesParams
from jobs.decide.profiles import PolicyParams
from jobs.ingest import commits, files
from jobs.ingest.commits import CommitsParams
from jobs.ingest.files import IngestParams
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.history import read_commits
from schemas.annotate import COMMIT_FACTS
from schemas.decide import GATES
from schemas.ingest import COMMITS, HISTORIES, REPOSITORIES
from tests.git_history import History
from tests.job_runs import run_job

MESSAGE = "Read the options of number {}"


@pytest.fixture
def repository(tmp_path):
    found = History(tmp_path / "repository")
    for number in range(4):
        found.commit(MESSAGE.format(number), {"a.py": f"x = {number}\n", f"b{number}.py": "y = 1\n"})
    return found


def ingest(tables, *repositories, range_commits=5000):
    run_job(tables, files, IngestParams(tuple(f"git:{one.path}" for one in repositories)))
    run_job(tables, commits, CommitsParams(range_commits))


def rows(tables):
    return {row.commit: row.asDict(recursive=True) for row in tables[COMMITS].collect()}


def written(tables):
    """Rows that the last commit of ingest/commits wrote."""
    return int(tables.lake.history(COMMITS, 1)[0]["operationMetrics"].get("numOutputRows", 0))


@pytest.mark.parametrize("range_commits", [1, 3, 5000])
def test_every_commit_is_a_row_whatever_the_ranges(tables, repository, range_commits):
    ingest(tables, repository, range_commits=range_commits)
    found = rows(tables)
    assert list(found) and set(found) == set(repository.git("rev-list", "HEAD").split())
    newest = found[repository.git("rev-parse", "HEAD")]
    assert newest["message"] == MESSAGE.format(3) and newest["repository"] == "git:repository"
    assert sorted((change["status"], change["path"], change["added_lines"]) for change in newest["changes"]) == [
        ("added", "b3.py", 1), ("modified", "a.py", 1),
    ]  # fmt: skip
    (history,) = tables[HISTORIES].collect()
    assert (history.commit_count, history.reason) == (4, None)


def test_new_commits_are_added_and_old_ones_are_not_read_again(tables, repository):
    ingest(tables, repository)
    before = rows(tables)
    repository.commit("Another change of the options", {"a.py": "x = 99\n"})
    ingest(tables, repository)
    assert len(rows(tables)) == 5 and before.items() <= rows(tables).items()
    assert written(tables) == 1
    version = tables.lake.version(COMMITS)
    ingest(tables, repository)
    assert rows(tables).keys() == set(repository.git("rev-list", "HEAD").split())
    assert tables.lake.version(COMMITS) == version


def test_a_history_that_was_rewritten_replaces_its_rows(tables, repository):
    ingest(tables, repository)
    repository.git("reset", "-q", "--hard", "HEAD~2")
    repository.commit("Another way to read the options", {"a.py": "x = 77\n"})
    ingest(tables, repository)
    assert rows(tables).keys() == set(repository.git("rev-list", "HEAD").split())
    assert tables[HISTORIES].collect()[0].commit_count == 3


def test_a_run_that_ends_before_its_last_write_is_finished_by_the_next(tables, repository, tmp_path):
    """A history that is new, then one that was rewritten; afterwards it is as if nothing had happened."""
    for back in (0, 2):
        repository.git("reset", "-q", "--hard", f"HEAD~{back}")
        repository.commit(f"Another way to read {back} of them", {"a.py": f"x = {back + 70}\n"})
        run_job(tables, files, IngestParams((f"git:{repository.path}",)))
        for write in islice(commits.transform(tables, CommitsParams(range_commits=2)), 2):
            tables.apply(write)
            assert write.table == COMMITS
        run_job(tables, commits, CommitsParams(range_commits=2))
        assert rows(tables) == read_without_spark(repository, tmp_path)
        (history,) = tables[HISTORIES].collect()
        assert (history.commit, history.reason) == (repository.git("rev-parse", "HEAD"), None)
        assert history.commit_count == tables[COMMITS].count()


def read_without_spark(repository, tmp_path):
    bundle = tmp_path / f"{repository.git('rev-parse', 'HEAD')}.bundle"
    assert sources.keep_history(sources.parse_source(f"git:{repository.path}"), bundle)
    with open_bundle(bundle) as opened:
        found = read_commits(opened, list(commit_ids(opened, bundle.stem)))
        return {one.id: commits.commit_row("git:repository", one) for one in found}


def test_a_damaged_bundle_is_a_row_with_a_reason_and_others_are_read(tables, repository, tmp_path):
    other = History(tmp_path / "other")
    for number in range(2):
        other.commit(MESSAGE.format(number), {"z.py": f"{number}\n"})
    run_job(tables, files, IngestParams((f"git:{repository.path}", f"git:{other.path}")))
    (bundle,) = (row.history for row in tables[REPOSITORIES].collect() if row.repository == "git:repository")
    path = Path(tables.lake.root) / bundle
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    run_job(tables, commits, CommitsParams())
    found = {row.repository: row for row in tables[HISTORIES].collect()}
    assert found["git:repository"].reason == "corrupt" and "cannot be unpacked" in found["git:repository"].detail
    assert found["git:other"].reason is None and {row["repository"] for row in rows(tables).values()} == {"git:other"}
    assert tables.account.rejected["corrupt history"] == 1


def test_commits_are_flagged_once_and_judged_with_their_repository(tables, repository):
    repository.commit("wip", {"a.py": "x = 5\n"})
    repository.git("checkout", "-qb", "side", "HEAD~1")
    picked = repository.commit("Give the parser an option for colours", {"c.py": "colour = 1\n"})
    repository.git("checkout", "-q", "main")
    repository.commit("Let b say more than it did", {"b0.py": "y = 2\n"})
    repository.git("cherry-pick", picked)
    repository.git("merge", "-q", "-m", "Merge the option for colours", "-s", "ours", "side")
    ingest(tables, repository)
    for _ in range(2):
        run_job(tables, commit_facts, CommitFactsParams())
    facts = {row.commit: row for row in tables[COMMIT_FACTS].collect()}
    assert facts.keys() == rows(tables).keys()
    by_message = {row["message"]: facts[commit] for commit, row in rows(tables).items()}
    assert by_message["wip"].flags == ["poor_message"]
    assert "merge" in by_message["Merge the option for colours"].flags
    run_job(tables, features, FeaturesParams(held_out_rate=0.0))
    run_job(tables, gates, PolicyParams(policy=("min_size_bytes=none",)))
    judged = {row.candidate.split("@")[1]: row for row in tables[GATES].where("kind = 'commit'").collect()}
    reasons = {rows(tables)[commit]["message"]: row.reasons for commit, row in judged.items()}
    assert reasons["wip"] == ["poor_message"] and reasons[MESSAGE.format(2)] == []
    picks = [row for commit, row in judged.items() if rows(tables)[commit]["message"].startswith("Give the parser")]
    assert sorted(row.reasons for row in picks) == [[], ["near_duplicate"]]
    run_job(tables, gates, PolicyParams(policy=("min_stars=5", "keep_unknown_repository_facts=false")))
    assert all("few_stars" in row.reasons for row in tables[GATES].where("kind = 'commit'").collect())


def test_a_new_bundle_that_is_damaged_loses_no_commit_and_is_tried_again(tables, repository):
    ingest(tables, repository)
    before = rows(tables)
    repository.commit("Another change of the options", {"a.py": "x = 99\n"})
    run_job(tables, files, IngestParams((f"git:{repository.path}",)))
    (path,) = (Path(tables.lake.root) / row.history for row in tables[REPOSITORIES].collect())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    for expected, content in ((before.keys(), None), (set(repository.git("rev-list", "HEAD").split()), whole)):
        if content:
            path.write_bytes(content)
        run_job(tables, commits, CommitsParams())
        assert rows(tables).keys() == expected
        assert (tables[HISTORIES].collect()[0].reason is None) is bool(content)


def test_two_repositories_with_one_history_have_facts_each(tables, repository):
    run_job(tables, files, IngestParams((f"a/b=git:{repository.path}", f"a_b=git:{repository.path}")))
    run_job(tables, commits, CommitsParams())
    run_job(tables, commit_facts, CommitFactsParams())
    assert len({row.history for row in tables[REPOSITORIES].collect()}) == 1
    assert tables[COMMIT_FACTS].count() == tables[COMMITS].count() == 8
