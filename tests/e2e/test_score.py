"""`codemill score`, the worker: labels, a small scorer, scores by several workers of which one is killed."""

import json
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pyarrow.compute as pc
import pytest

from gpu_scoring.scorer import load_scorer
from gpu_scoring.worker import WorkerParams, buffered, key_range
from jobs.cli import main
from schemas.annotate import SCORES
from schemas.decide import KEPT
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from schemas.ledger import LEDGER
from tests.lake_builder import HELD_OUT, lake_rows, standard_library

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


def kept(lake):
    return sorted(lake.read(KEPT, ["candidate"], pc.field("kind") == "file").column(0).to_pylist())


@pytest.fixture(scope="module")
def whole(built, tmp_path_factory):
    """The scores of one worker that nobody disturbs."""
    lake = Lake.at(str(built[0].write(tmp_path_factory.mktemp("whole") / "lake")))
    assert main(command(built, lake)) == 0
    return scores(lake)


def test_every_kept_file_has_one_score_and_it_is_the_scorers(built, lake, capsys):
    assert main(command(built, lake, "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    found = lake.read(SCORES).to_pylist()
    assert sorted(row["content_sha256"] for row in found) == kept(lake)
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
    rows = [row for row in lake.read(LEDGER).to_pylist() if row["job"] == "annotate.scores"]
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
    assert before + 6 <= len(scores(lake)) < before + sum(low <= key < high for key in kept(lake))
    main(arguments)
    main(command(built, lake, "--share", "3/3"))
    assert scores(lake) == whole


def test_workers_that_race_over_the_same_keys_double_nothing(built, lake, whole):
    arguments = command(built, lake, "--commit-rows", "20")
    running = [subprocess.Popen([sys.executable, "-m", "jobs", *arguments], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    assert scores(lake) == whole


@pytest.mark.parametrize("shares", [1, 2, 3, 7, 64])
def test_ranges_of_keys_are_all_keys_and_do_not_overlap(shares):
    ranges = [key_range(share, shares) for share in range(shares)]
    assert ranges[0][0] == "00000000" and ranges[-1][1] > "f" * 64
    assert all(one[1] == other[0] for one, other in pairwise(ranges))


def test_a_reader_that_fails_fails_the_worker_and_one_that_is_left_ends():
    def rows(failing):
        for _ in range(50):
            yield type("Row", (), {"tokens": [1] * 100})()
        if failing:
            raise OSError("the store is gone")

    params = WorkerParams(batch_tokens=100, buffer_batches=5)
    assert sum(len(part) for part in buffered(rows(False), params)) == 50
    with pytest.raises(OSError, match="the store is gone"):
        list(buffered(rows(True), params))
    stream = buffered(rows(False), params)
    next(stream)
    stream.close()  # would hang where the reader kept waiting for room


@pytest.mark.parametrize(
    ("more", "said"), [(["--share", "3/2"], "expected I/N"), (["--share", "x"], "expected I/N"), (["--batch-tokens", "1"], "at least 64")]
)
def test_a_wrong_command_says_what_was_expected(built, lake, capsys, more, said):
    assert main(command(built, lake, *more)) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_no_scorer_is_told(lake, tmp_path, capsys):
    Path(tmp_path / "empty").mkdir()
    assert main(["score", "--lake", lake.root, "--model", str(tmp_path / "empty")]) == 1
    assert "is no scorer" in capsys.readouterr().err
