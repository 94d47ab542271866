"""`codemill score`, the worker: labels, a small scorer, scores by several workers of which one is killed."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gpu_scoring.feed import Row, ahead, batched
from gpu_scoring.model_folder import load_scorer
from gpu_scoring.pending import Pending
from gpu_scoring.population import passes
from gpu_scoring.progress import Summary
from gpu_scoring.worker import key_range
from jobs.cli import main
from jobs.decide.quality import declared_version
from jobs.score import files
from jobs.score.files import ScoreParams, score_files
from schemas.annotate import SCORES
from schemas.decide import CUTS, DROPPED, FEATURES, GATES, KEPT
from schemas.ingest import CONTENTS
from schemas.lake import PENDING_SCORES, Lake
from schemas.ledger import LEDGER
from tests.lake_builder import HELD_OUT, SCORER, lake_rows
from tests.source_files import standard_library

SMALL = ["--window", "64", "--hidden-size", "32", "--layers", "1", "--vocabulary-size", "400", "--threads", "1", "--quiet"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A lake, and two scorers that learned its labels."""
    files = standard_library(10_000)
    root = tmp_path_factory.mktemp("score")
    rows = lake_rows(files[:300] + [file for file in files[300:] if file.repository == HELD_OUT])
    lake = Lake.at(str(rows.write(root / "lake")))
    assert main(["label", "--lake", lake.root, "--count", "400", "--shape", "natural", "--quiet"]) == 0
    for seed in ("0", "1"):
        assert main(["train-scorer", "--lake", lake.root, "--out", str(root / f"scorer-{seed}"), "--seed", seed, *SMALL]) == 0
    return rows, root


@pytest.fixture
def lake(built, tmp_path):
    return Lake.at(str(built[0].write(tmp_path / "lake")))


def command(built, lake, *more, seed=0):
    return ["score", "--lake", lake.root, "--model", str(built[1] / f"scorer-{seed}"), "--threads", "1", "--quiet", *more]


def scores(lake):
    rows = lake.read(SCORES).sort_by([("version", "ascending"), ("content_sha256", "ascending")])
    return [tuple(row.values()) for row in rows.to_pylist()]


def passing(lake):
    return sorted(lake.read(GATES, ["candidate"], passes("demo")).column(0).to_pylist())


@pytest.fixture(scope="module")
def whole(built, tmp_path_factory):
    """The scores of one worker that nobody disturbs."""
    lake = Lake.at(str(built[0].write(tmp_path_factory.mktemp("whole") / "lake")))
    assert main(command(built, lake)) == 0
    return scores(lake)


def test_every_file_that_passes_has_one_score_and_it_is_the_scorers(built, lake, capsys):
    assert main(command(built, lake, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    found = lake.read(SCORES).to_pylist()
    assert sorted(row["content_sha256"] for row in found) == passing(lake)
    assert told["scored"] == told["wanted"] == len(found) == sum(told["scores"])
    scorer = load_scorer(built[1] / "scorer-0")
    texts = dict(zip(*(column.to_pylist() for column in lake.read(CONTENTS, ["content_sha256", "text"]).columns), strict=True))
    predicted = scorer.predict([texts[row["content_sha256"]] for row in found])
    assert all(abs(row["score_percent"] - 100 * score) <= 0.51 for row, score in zip(found, predicted, strict=True))
    lengths = [len(tokens) for tokens in scorer.tokens([texts[row["content_sha256"]] for row in found])]
    assert [row["token_count"] for row in found] == lengths
    assert all(row["is_truncated"] for row in found if len(texts[row["content_sha256"]]) > 1000)
    assert 0 < sum(row["is_truncated"] for row in found) < len(found)


def test_what_has_a_score_is_skipped_and_another_model_stands_beside(built, lake, whole, capsys):
    main(command(built, lake))
    capsys.readouterr()
    main(command(built, lake, "--json"))
    told = json.loads(capsys.readouterr().out)
    assert (told["scored"], told["skipped"]) == (0, len(whole))
    main(command(built, lake, seed=1))
    both = scores(lake)
    assert len(both) == 2 * len(whole) and set(whole) < set(both)
    rows = [row for row in lake.read(LEDGER).to_pylist() if row["job"] == "score.files"]
    assert sorted(row["written_rows"] for row in rows) == [0, len(whole), len(whole)]


def test_workers_that_share_and_one_that_is_killed_give_the_same_table(built, lake, whole):
    main(command(built, lake, "--share", "1/3"))
    arguments = command(built, lake, "--share", "2/3", "--commit-rows", "3", "--batch-tokens", "64")
    running = subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=subprocess.DEVNULL)
    before = len(scores(lake))
    while len(scores(lake)) < before + 6 and running.poll() is None:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    low, high = key_range(1, 3)
    assert before + 6 <= len(scores(lake)) < before + sum(low <= key < high for key in passing(lake))
    main(arguments)
    main(command(built, lake, "--share", "3/3"))
    assert scores(lake) == whole


def test_a_worker_that_is_killed_loses_no_batch_that_it_had_finished(built, lake, whole, capsys):
    arguments = command(built, lake, "--commit-rows", "1000000", "--batch-tokens", "64")
    running = subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=subprocess.DEVNULL)
    waiting = Path(lake.root, PENDING_SCORES)
    while len(list(waiting.rglob("*.json"))) < 4 and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not len(scores(lake))  # nothing had been committed
    version = declared_version(str(built[1] / "scorer-0"))
    there = sum(len(rows) for _, rows in Pending(lake, version).left("", "g"))  # the last file may be torn, and stays for an hour then
    capsys.readouterr()
    main([*arguments, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert scores(lake) == whole and not list(Pending(lake, version).left("", "g"))
    assert there > 0 and found["scored"] <= len(whole) - there


def test_workers_that_race_over_the_same_keys_double_nothing(built, lake, whole):
    arguments = command(built, lake, "--commit-rows", "20")
    running = [subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert scores(lake) == whole


def test_a_reader_that_fails_fails_the_worker_and_one_that_is_left_ends():
    def read(failing):
        for _ in range(50):
            yield []
        if failing:
            raise OSError("the store is gone")

    assert len(list(ahead(read(False)))) == 50
    with pytest.raises(OSError, match="the store is gone"):
        list(ahead(read(True)))
    stream = ahead(read(False))
    next(stream)
    stream.close()  # would hang where the reader kept waiting for room


@pytest.mark.parametrize("attention", ["texts_in_a_row", "sdpa"])
def test_batches_are_full_and_hold_every_row_once(built, attention):
    scorer = load_scorer(built[1] / "scorer-0")
    scorer.model.set_attn_implementation(attention)
    lengths = np.random.default_rng(0).integers(1, 64, 2000)
    rows = [Row(f"{number}", np.ones(length, np.int32), False) for number, length in enumerate(lengths)]
    found = list(batched(iter(rows), scorer, 640))
    assert sorted(int(row.key) for batch in found for row in batch) == list(range(2000))
    sizes = [sum(len(row.tokens) for row in batch) for batch in found]
    rooms = sizes if attention == "texts_in_a_row" else [len(batch) * max(len(row.tokens) for row in batch) for batch in found]
    assert max(rooms) <= 640
    assert sum(sizes) > 0.95 * 640 * len(found) if attention == "texts_in_a_row" else sum(sizes) > 0.8 * sum(rooms)


@pytest.mark.parametrize(
    ("more", "said"), [(["--share", "3/2"], "expected I/N"), (["--share", "x"], "expected I/N"), (["--batch-tokens", "1"], "at least 64")]
)
def test_a_wrong_command_says_what_was_expected(built, lake, capsys, more, said):
    assert main(command(built, lake, *more)) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_no_scorer_is_told(lake, tmp_path, capsys):
    Path(tmp_path / "empty").mkdir()
    assert main(["score", "--lake", lake.root, "--model", str(tmp_path / "empty")]) == 2
    assert "is no scorer" in capsys.readouterr().err


def test_a_lake_without_gates_says_what_to_run(built, lake, capsys):
    shutil.rmtree(Path(lake.root) / "decide/gates")
    assert main(command(built, lake)) == 1
    assert "--until decide.gates" in capsys.readouterr().err


def test_a_worker_waits_for_its_model_and_says_so(built, lake, tmp_path, capsys):
    later = tmp_path / "later"

    def arrive():
        time.sleep(1.0)
        shutil.copytree(built[1] / "scorer-0", tmp_path / "part")
        (tmp_path / "part").rename(later)

    said, found = [], Summary()
    arrival = threading.Thread(target=arrive)
    arrival.start()
    files.LOOK_AGAIN_S, before = 0.1, files.LOOK_AGAIN_S
    try:
        version, _ = score_files(lake, ScoreParams(model=str(later), wait_s=60, threads=1), said.append, found)
    finally:
        files.LOOK_AGAIN_S = before
        arrival.join()
    assert found.scored == len(passing(lake)) and version == declared_version(str(built[1] / "scorer-0"))
    assert "waiting for a scorer" in said[0] and "codemill train-scorer" in said[0]


def test_the_policy_drops_the_worst_tenth_and_the_counts_close(built, lake, spark, capsys):
    """The whole way: gates, a worker that is killed, another that ends its work, a cut that is frozen, verdicts."""
    change = "deduplicate=false"  # this lake has no groups in its features
    assert main(["decide.gates", "--lake", lake.root, "--quiet", "--policy", change]) == 0
    survivors = {row["candidate"] for row in lake.read(GATES).to_pylist() if row["kind"] == "file" and not row["reasons"]}
    killed = subprocess.Popen([sys.executable, "-m", "jobs", *command(built, lake, "--commit-rows", "3", "--batch-tokens", "64")])
    while not len(scores(lake)) >= 6 and killed.poll() is None:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert 6 <= len(scores(lake)) < len(survivors)
    assert main(["decide.verdicts", "--lake", lake.root, "--quiet", "--policy", change]) == 1
    assert "waits for them" in capsys.readouterr().err
    assert main(command(built, lake)) == 0
    assert main(["decide.verdicts", "--lake", lake.root, "--quiet", "--policy", change]) == 0

    percents = {row["content_sha256"]: row["score_percent"] for row in lake.read(SCORES).to_pylist()}
    assert set(percents) == survivors
    (cut,) = (row for row in lake.read(CUTS).to_pylist() if row["scorer"] != SCORER)  # that of the lake as it was built stays
    least = cut["min_score_percent"]
    below = {limit: sum(percent < limit for percent in percents.values()) for limit in range(101)}
    assert all(abs(below[least] - len(percents) / 10) <= abs(count - len(percents) / 10) for count in below.values())
    assert (cut["file_count"], cut["below_count"]) == (len(percents), below[least])

    candidates = [row["candidate"] for row in lake.read(FEATURES).to_pylist()]
    kept_rows, dropped = lake.read(KEPT).to_pylist(), lake.read(DROPPED).to_pylist()
    assert sorted(candidates) == sorted(row["candidate"] for row in kept_rows + dropped)
    assert {row["candidate"] for row in kept_rows} == {key for key, percent in percents.items() if percent >= least}
    low = {row["candidate"]: row for row in dropped if row["reasons"] == ["low_score"]}
    assert set(low) == {key for key, percent in percents.items() if percent < least} and 0 < len(low) < len(percents) / 4
    for row in [*kept_rows, *low.values()]:
        assert (row["score_percent"], row["least_score_percent"]) == (percents[row["candidate"]], least)
        assert row["scorer"] == cut["scorer"]

    capsys.readouterr()
    assert main(["explain", min(low), "--lake", lake.root]) == 0
    assert f"at least {least} % was asked" in (told := capsys.readouterr().out) and "the cut of the worst 10% of" in told
    assert main(["decide", "--what-if", change, "--lake", lake.root, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["what_if"]["kept"] == len(kept_rows)
