"""Benchmarks on the command line, and what `explain` says of them."""

import json

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from jobs.cli import parser
from jobs.commands.benchmark_lines import benchmarks_told, matches_of
from jobs.commands.run import set_for_all
from jobs.pipeline import JOBS, job_named, parameters
from jobs.runtime.errors import UsageError
from schemas.contamination import BENCHMARKS, CONTAMINATION
from schemas.lake import Lake

MATCH = {"benchmark": "HumanEval", "item": "HumanEval/0", "ngram": "for idx elem in", "offset_bytes": 1234}


def test_a_run_hands_its_benchmarks_to_the_job_and_to_no_other():
    arguments = parser().parse_args(["run", "--lake", "l", "--benchmark", "a.jsonl?text=x,y", "--benchmark", "b=c.parquet"])
    changes: dict[str, dict[str, object]] = {}
    set_for_all(JOBS, changes, arguments)
    assert changes == {"annotate.contamination": {"benchmark": ("a.jsonl?text=x,y", "b=c.parquet")}}
    one = parser().parse_args(["annotate.contamination", "--lake", "l", "--benchmark", "none"])
    assert one.benchmark == ["none"]


def test_a_benchmark_that_cannot_be_read_is_told_before_anything_starts(tmp_path):
    (tmp_path / "b.jsonl").write_text(json.dumps({"question": "x"}))
    job = job_named("annotate.contamination")
    assert job.check and job.check(parameters(job, "demo", {})) == []
    with pytest.raises(UsageError, match="Say which of them hold text"):
        job.check(parameters(job, "demo", {"benchmark": (str(tmp_path / "b.jsonl"),)}))


def test_explain_shows_the_words_and_where_they_are_from(tmp_path):
    lake = Lake.at(str(tmp_path / "lake"))
    lake.create()
    assert benchmarks_told(matches_of(lake, "k")) == []
    fact = {"benchmark": "HumanEval", "version": "v2", "sha256": "s", "item_count": 164, "ignored_count": 0, "ngram_count": 9}
    write_deltalake(lake.path(BENCHMARKS.name), pa.Table.from_pylist([fact], schema=BENCHMARKS.arrow_schema))
    assert "not compared with HumanEval yet" in benchmarks_told(matches_of(lake, "k"))[0]
    rows = [
        {"content_sha256": "k", "version": "v1", "matches": [], "match_count": 0},
        {"content_sha256": "k", "version": "v2", "matches": [MATCH], "match_count": 3},
        {"content_sha256": "clean", "version": "v2", "matches": [], "match_count": 0},
    ]
    write_deltalake(lake.path(CONTAMINATION.name), pa.Table.from_pylist(rows, schema=CONTAMINATION.arrow_schema))
    assert benchmarks_told(matches_of(lake, "k"))[1:] == ["    byte 1,234, HumanEval HumanEval/0: for idx elem in"]
    assert "shares no ten words" in benchmarks_told(matches_of(lake, "clean"))[0]
