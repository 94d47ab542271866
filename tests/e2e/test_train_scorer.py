"""`codemill train-scorer`, the command itself, on labels of a lake with a repository that is held out."""

import json

import pyarrow.compute as pc
import pytest

from gpu_scoring import prompt
from gpu_scoring.model_folder import load_scorer
from gpu_scoring.oracles import asked_with
from jobs.cli import main
from schemas.decide import FEATURES
from schemas.ledger import LEDGER
from tests.judge_server import judge_server
from tests.label_runs import command, judged_by, labels
from tests.label_runs import lake as lake
from tests.lake_builder import HELD_OUT, lake_rows
from tests.source_files import standard_library
from udfs import rubric

SMALL = ["--window", "64", "--hidden-size", "32", "--layers", "1", "--vocabulary-size", "400", "--threads", "1", "--quiet", "--json"]


@pytest.fixture(scope="module")
def rows():
    files = standard_library(10_000)
    return lake_rows(files[:400] + [file for file in files[400:] if file.repository == HELD_OUT])


def test_a_scorer_is_trained_on_the_labels_and_measured_on_held_out_repositories(lake, tmp_path, capsys):
    label = ["label", "--lake", lake.root, "--count", "400", "--shape", "natural", "--quiet"]
    main(label)
    main([*label, "--turn", "1", "--share", "0.5"])  # further turns are for agreement
    capsys.readouterr()
    assert main(["train-scorer", "--lake", lake.root, "--out", str(tmp_path / "scorer"), *SMALL]) == 0
    told = json.loads(capsys.readouterr().out)
    first = [row for row in labels(lake) if row["turn"] == 0]
    assert len(first) < len(labels(lake))
    rated = sum(row["status"] == "rated" for row in first)
    held = set(lake.read(FEATURES, ["candidate"], pc.field("is_held_out")).column(0).to_pylist())
    held_out = sum(row["content_sha256"] in held for row in first)
    assert told["scorer"]["files"] == held_out > 1
    assert told["train_files"] == rated - held_out
    assert set(told["baselines"]) == {"mean of training", "length and comments", "hashed n-grams"}
    assert load_scorer(tmp_path / "scorer").predict(["x = 1"])[0] >= 0
    (row,) = (row for row in lake.read(LEDGER).to_pylist() if row["job"] == "train.scorer")
    assert (row["status"], row["read_rows"]) == ("done", rated)
    card = (tmp_path / "scorer" / "README.md").read_text()
    assert told["model_hash"] in card and f"asked with version {rubric.VERSION} of its rules" in card
    score = ["score", "--lake", lake.root, "--model", str(tmp_path / "scorer"), "--threads", "1", "--quiet"]
    assert main(score) == 0
    version = first[0]["version"]
    learned = f"learned from: rubric (it counts, it does not judge), version {version} of the labels, asked with version {rubric.VERSION}"
    assert learned in capsys.readouterr().out
    assert main([*score, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["learned_from"]
    assert (said["oracle"], said["labels"]) == ("rubric", version) and said["asked_with"].startswith("version")


def test_what_a_scorer_cannot_be_trained_on_is_told(lake, tmp_path, capsys):
    train = ["train-scorer", "--lake", lake.root, "--out", str(tmp_path / "scorer"), *SMALL]
    assert main(train) == 1
    assert "holds no rating. Expected what `codemill label" in capsys.readouterr().err
    main(command(lake))
    with judge_server(lambda request: request.rate(6)) as server:
        main(command(lake, *judged_by(server)))
    capsys.readouterr()
    assert main(train) == 1
    told = capsys.readouterr().err
    assert "ratings of several oracles" in told and "(rubric)" in told and "(judge m)" in told
    judged = next(row["version"] for row in labels(lake) if row["oracle"] == "judge m")
    assert asked_with(lake, judged).startswith(f"version {prompt.VERSION} of the prompt, the first 24,000 bytes")
    assert main([*train, "--labels", "none"]) == 1
    assert "no rating of version none" in capsys.readouterr().err
    for wrong in (["--hidden-size", "50"], ["--seed", "-1"], ["--seed", str(2**64)], ["--threads", "-1"], ["--window", "0"]):
        assert main([*train, *wrong]) == 2
        assert f"codemill: {' '.join(wrong)}: expected" in capsys.readouterr().err
