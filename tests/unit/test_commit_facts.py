"""Facts of commits as the job makes them, from a bundle, without Spark."""

from jobs import sources
from jobs.annotate.commit_facts import facts
from jobs.ingest.commits import commit_row
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.history import read_commits
from schemas.lake import Lake
from tests.git_history import History

KEY = "AKIA" + "A1" * 8


def facts_by_message(history, tmp_path, most_bytes=16 << 20):
    bundle = tmp_path / "lake" / "bundle"
    assert sources.keep_history(sources.parse_source(f"git:{history.path}"), bundle)
    with open_bundle(bundle) as opened:
        commits = list(read_commits(opened, list(commit_ids(opened, history.git("rev-parse", "HEAD")))))
    known = {"history": "bundle", "version": "1"}
    found = facts(Lake.at(str(tmp_path / "lake")), [commit_row("r", one) | known for one in commits], most_bytes).to_pylist()
    messages = {one.id: one.message for one in commits}
    return {messages[row["commit"]]: row for row in found}


def test_a_patch_that_is_too_large_is_a_final_answer_and_no_trouble_of_reading(tmp_path):
    history = History(tmp_path / "repository")
    history.commit("Begin with one line", {"a.py": "a = 1\n"})
    history.commit("Say a hundred things", {"a.py": "".join(f"a{n} = {n}\n" for n in range(100))})
    found = facts_by_message(history, tmp_path, 500)
    assert (found["Say a hundred things"]["flags"], found["Say a hundred things"]["patch_bytes"]) == (["oversized"], None)
    assert found["Begin with one line"]["flags"] == [] and found["Begin with one line"]["patch_bytes"]


def test_keys_are_seen_in_messages_and_in_what_goes(tmp_path):
    history = History(tmp_path / "repository")
    history.commit("Begin with a key", {"a.py": f"key = '{KEY}'\n", "b.py": "b = 1\n"})
    history.commit("Change what stands beside it", {"b.py": "b = 2\n"})
    history.commit("Take the key away", {"a.py": "key = None\n"})
    history.commit(f"Do not use {KEY} any more", {"b.py": "b = 3\n"})
    flags = {message: row["flags"] for message, row in facts_by_message(history, tmp_path).items()}
    assert [message for message, some in flags.items() if "secret" in some] == [
        "Begin with a key", "Take the key away", f"Do not use {KEY} any more",
    ]  # fmt: skip
