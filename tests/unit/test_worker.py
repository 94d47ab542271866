"""The worker over a small lake: what it reads once, what it keeps where it is ended, and what it does with texts that get no number."""

import dataclasses
import hashlib
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from deltalake import write_deltalake

from gpu_scoring import device, worker
from gpu_scoring.device import batch_tokens_of
from gpu_scoring.model_folder import save
from gpu_scoring.progress import Summary, Unusable
from gpu_scoring.scorer import Scorer, ScorerError, Shape, new_scorer
from gpu_scoring.worker import WorkerParams, run
from jobs.cli import main, parser
from jobs.decide.quality import oracle_of, oracle_told
from jobs.runtime.errors import CodemillError
from jobs.score.files import TERMINATED, ScoreParams, check_profile, ended_in_order, is_changed, score_files
from schemas.annotate import SCORES
from schemas.decide import GATES
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from schemas.ledger import LEDGER

GOOD, BAD = [f"value_{number} = {number}\n" * 3 for number in range(40)], [f"~{number}\n" for number in range(3)]
PARAMS = WorkerParams(batch_tokens=64, commit_rows=5)


def key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def scorer() -> Scorer:
    """One that gives no number for a text with a tilde."""
    made = new_scorer(Shape(32, 1, 400), iter(GOOD + BAD), 48, 0)
    with torch.no_grad():
        made.model.get_input_embeddings().weight[made.tokenizer.model.token_to_id("~")] = torch.nan
    return made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return lake_of(tmp_path / "lake", GOOD)


def lake_of(folder: Path, texts: list[str]) -> Lake:
    lake = Lake.at(str(folder))
    lake.create()
    rows = [{"content_sha256": key(text), "text": text, "size_bytes": len(text)} for text in texts]
    write_deltalake(lake.path(CONTENTS.name), pa.Table.from_pylist(rows, schema=CONTENTS.arrow_schema))
    gate: dict[str, Any] = {"kind": "file", "policy": "demo", "gates_hash": "0", "repository": "r", "path": "p", "split": "train"}
    gate |= {"size_bytes": 1, "token_estimate": 1, "reasons": []}
    gates = [gate | {"candidate": key(text)} for text in texts]
    write_deltalake(lake.path(GATES.name), pa.Table.from_pylist(gates, schema=GATES.arrow_schema))
    return lake


def quiet(line: str) -> None:
    pass


def scored(lake: Lake) -> set[str]:
    return set(lake.read(SCORES).column("content_sha256").to_pylist())


def test_contents_are_read_once_and_not_at_all_where_nothing_is_missing(lake: Lake, scorer: Scorer, monkeypatch) -> None:
    stream, read = Lake.stream, []

    def counting(self: Lake, table, *arguments):
        read.append(table.name)
        return stream(self, table, *arguments)

    monkeypatch.setattr(Lake, "stream", counting)
    found = run(lake, scorer, "v", "demo", PARAMS, quiet)
    assert read.count(CONTENTS.name) == 1 and (found.scored, found.written, found.skipped) == (40, 40, 0)
    again = run(lake, scorer, "v", "demo", PARAMS, quiet)
    assert read.count(CONTENTS.name) == 1 and (again.scored, again.skipped) == (0, 40)


def test_texts_without_a_number_have_a_row_without_one_and_are_not_asked_again(tmp_path: Path, scorer: Scorer, capsys) -> None:
    lake = lake_of(tmp_path / "lake", GOOD + BAD)
    save(scorer, tmp_path / "scorer", "", {}, {})
    command = ["score", "--lake", lake.root, "--model", str(tmp_path / "scorer"), "--quiet", "--threads", "1"]
    assert main(command) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "No finite score for 3 files, which verdicts drop as score_not_finite" in said and "40 were scored now" in said
    percents = {row["content_sha256"]: row["score_percent"] for row in lake.read(SCORES).to_pylist()}
    assert {name for name, percent in percents.items() if percent is None} == {key(text) for text in BAD} and len(percents) == 43
    assert all(name in said for name in map(key, BAD))
    assert main([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["skipped"], told["scored"], told["not_finite"]) == (43, 0, [])


def test_scores_of_another_precision_are_another_version_and_stand_beside(lake: Lake, scorer: Scorer, tmp_path: Path, monkeypatch) -> None:
    model_hash = save(scorer, tmp_path / "scorer", "", {"oracle": "rubric"}, {})
    params = ScoreParams(model=str(tmp_path / "scorer"), threads=1, batch_tokens=64)
    assert score_files(lake, params, quiet, Summary())[0] == model_hash and not is_changed(lake, params)
    monkeypatch.setattr(device, "dtype_of", lambda _: torch.bfloat16)  # as on a GPU
    found = Summary()
    assert score_files(lake, params, quiet, found)[0] == f"{model_hash}-bf16" and (found.skipped, found.written) == (0, 40)
    rows = lake.read(SCORES).to_pylist()
    assert Counter(row["version"] for row in rows) == {model_hash: 40, f"{model_hash}-bf16": 40}
    assert oracle_of(lake, f"{model_hash}-bf16") == "rubric"


def test_a_key_without_text_is_an_error_after_all_others_have_their_scores(tmp_path: Path, scorer: Scorer) -> None:
    """Else its verdict would wait for a score for ever, and nobody would know why."""
    lake = lake_of(tmp_path / "lake", GOOD + BAD)
    gone = key(GOOD[7])
    write_deltalake(lake.path(CONTENTS.name), lake.read(CONTENTS).filter(pc.field("content_sha256") != gone), mode="overwrite")
    for scored_now, unusable in ((39, 3), (0, 0)):
        found = Summary()
        with pytest.raises(ScorerError, match=f"no text of 1 of the 43 files that pass the gates: {gone}"):
            run(lake, scorer, "v", "demo", PARAMS, quiet, found)
        assert (found.scored, len(found.unusable)) == (scored_now, unusable)
        assert found.wanted == found.skipped + found.scored + len(found.unusable) + 1
    assert scored(lake) == {key(text) for text in GOOD + BAD} - {gone}


def test_what_is_scored_is_told_by_its_kind(tmp_path: Path, scorer: Scorer) -> None:
    lake, said = lake_of(tmp_path / "lake", GOOD), []
    write_deltalake(lake.path(GATES.name), lake.read(GATES).set_column(0, "kind", [["page"] * len(GOOD)]), mode="overwrite")
    run(lake, scorer, "v", "demo", dataclasses.replace(PARAMS, kind="page"), said.append)
    assert said[0].startswith("40 of 40 pages have no score") and said[-1].startswith("40 of 40 pages scored")


def test_few_among_many_do_not_make_a_model_broken(lake: Lake, scorer: Scorer) -> None:
    row = Unusable("k", 1, False)
    assert worker.is_broken(Summary(scored=9_800, unusable=[row] * 100))
    assert not worker.is_broken(Summary(scored=20_000, unusable=[row] * 150)) and not worker.is_broken(Summary(unusable=[row] * 99))


def test_a_model_without_numbers_is_not_asked_to_the_end(lake: Lake, scorer: Scorer, monkeypatch) -> None:
    monkeypatch.setattr(worker, "MOST_UNUSABLE", 10)
    with torch.no_grad():
        scorer.model.score.weight.fill_(torch.inf)
    found = Summary()
    with pytest.raises(ScorerError, match=r"no finite score for \d+ of \d+ texts, where the worker stopped: [0-9a-f]{64}"):
        run(lake, scorer, "v", "demo", PARAMS, quiet, found)
    assert 10 <= len(found.unusable) < 30 and all(isinstance(text, Unusable) for text in found.unusable) and not scored(lake)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_a_worker_that_is_ended_keeps_what_it_scored(lake: Lake, scorer: Scorer, monkeypatch, error) -> None:
    score, calls = worker.score, []

    def ended(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise error
        return score(*arguments)

    monkeypatch.setattr(worker, "score", ended)
    found = Summary()
    with pytest.raises(error):
        run(lake, scorer, "v", "demo", dataclasses.replace(PARAMS, commit_rows=1000), quiet, found)
    assert 0 < len(scored(lake)) == found.scored == found.written < 40


def test_a_scheduler_that_ends_a_worker_is_an_exit_and_the_handler_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught, ended_in_order():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.sigtimedwait([], 1)
    assert caught.value.code == TERMINATED and signal.getsignal(signal.SIGTERM) is before


def test_rows_that_another_added_first_are_not_counted_as_written(lake: Lake, scorer: Scorer, monkeypatch) -> None:
    """The other scores all while the first has its first batch."""
    score, others = worker.score, []

    def slow(*arguments):
        if not others:
            others.append(None)
            others.append(run(lake, scorer, "v", "demo", PARAMS, quiet))
        return score(*arguments)

    monkeypatch.setattr(worker, "score", slow)
    found = run(lake, scorer, "v", "demo", PARAMS, quiet)
    assert (found.written, others[1].written) == (0, 40) and found.scored > 0
    assert lake.read(SCORES).num_rows == 40


def test_the_command_and_the_job_have_the_same_defaults_and_a_batch_is_by_device() -> None:
    given = parser().parse_args(["score", "--lake", "l", "--model", "m"])
    assert ScoreParams(**{field.name: getattr(given, field.name) for field in dataclasses.fields(ScoreParams)}) == ScoreParams(model="m")
    assert ScoreParams().batch_tokens == 0
    assert batch_tokens_of(torch.device("cuda")) == 65_536 and batch_tokens_of(torch.device("cpu")) == 8_192


def test_a_profile_that_nobody_decided_is_an_error_and_no_empty_success(lake: Lake, scorer: Scorer, tmp_path: Path, capsys) -> None:
    save(scorer, tmp_path / "scorer", "", {}, {})
    command = ["score", "--lake", lake.root, "--model", str(tmp_path / "scorer"), "--quiet", "--threads", "1"]
    assert main([*command, "--profile", "paper"]) == 1
    assert "no row of the profile paper" in capsys.readouterr().err
    with pytest.raises(CodemillError, match=r"--until decide\.gates --profile paper"):
        check_profile(lake, "paper")
    check_profile(lake_of(tmp_path / "empty", []), "paper")


def test_the_first_line_of_a_wait_is_said_at_once(lake: Lake, tmp_path: Path, capsys) -> None:
    assert main(["score", "--lake", lake.root, "--model", str(tmp_path / "later"), "--wait", "0.1", "--threads", "1"]) == 1
    said = capsys.readouterr().err
    assert "waiting for a scorer" in said and "is no scorer" in said


def test_the_command_counts_what_it_wrote_and_the_lake_knows_whose_ratings_the_scorer_learned(lake, scorer, tmp_path, capsys) -> None:
    version = save(scorer, tmp_path / "scorer", "", {"oracle": "rubric"}, {})
    assert oracle_of(lake, version) is None
    assert main(["score", "--lake", lake.root, "--model", str(tmp_path / "scorer"), "--quiet", "--threads", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["written"] == 40
    (row,) = lake.read(LEDGER).to_pylist()
    assert (row["status"], row["written_rows"]) == ("done", 40)
    assert oracle_of(lake, version) == "rubric" and "does not judge" in oracle_told("rubric")
    assert oracle_told("judge m") == ", which learned from judge m" and oracle_told(oracle_of(lake, "f" * 16)) == ""
