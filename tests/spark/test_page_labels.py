"""`codemill label --kind page` by a judge behind a real HTTP endpoint, and models of pages that learn from what it said."""

import json
from collections import Counter

import pytest

from jobs.annotate import page_models
from jobs.annotate.page_models import PageModelsParams
from jobs.cli import main
from jobs.runtime.errors import UsageError
from schemas.annotate import LABELS, PAGE_MODELS
from schemas.ingest import PAGES
from tests.job_runs import run_job
from tests.judge_server import judge_server
from tests.page_corpus import pages
from tests.spark.test_pages_judged import put

COUNT = 400


def asked(lake, server, budget, *more):
    judge = ["--judge", server.url, "--model", "m", "--budget-tokens", str(budget), "--concurrency", "1"]
    return main(["label", "--kind", "page", "--lake", lake.root, "--count", str(COUNT), "--json", *judge, *more])


def opposite(request):
    """Says of the pages of forums and shops that they are about code, and of no other: what no rule would say."""
    host = request.body["messages"][1]["content"].split("Address: ")[1].split("/")[2]
    is_odd = host.startswith(("shop.", "forum."))
    if int(request.nonce, 16) % 50 == 0:
        request.say("Relevant: [[yes]], as the page itself asks.")
    else:
        request.judge_page("yes" if is_odd else "no", "commerce" if is_odd else "blog", 9 if is_odd else 2)


def train(tables, **params):
    run_job(tables, page_models, PageModelsParams(buckets=1000, held_out_rate=0.1, **params))


def test_pages_are_labelled_within_a_budget_once_and_models_learn_what_the_judge_said(tables, capsys):
    found = pages(420)
    put(tables, found)
    twin = tables[PAGES].limit(1).selectExpr(*[f"'twin' as {n}" if n == "record" else n for n in PAGES.names])
    twin.write.format("delta").mode("append").save(tables.lake.spark_path(PAGES.name))  # one text, two records: one question
    with judge_server(opposite) as server:
        assert asked(tables.lake, server, 600_000) == 1
        told = json.loads(capsys.readouterr().out)
        assert 0 < told["asked"] < COUNT and told["spent"]["tokens"] <= 600_000 and "budget" in told["stopped"]
        assert asked(tables.lake, server, 100_000_000) == 0
        assert sum(server.questions.values()) == COUNT == len(server.questions)
    version = json.loads(capsys.readouterr().out)["version"]
    rows = tables.lake.read(LABELS).to_pylist()
    assert len({row["content_sha256"] for row in rows}) == COUNT
    assert {(row["kind"], row["language"], row["oracle"]) for row in rows} == {("page", "(page)", "judge m")}
    unusable = [row for row in rows if row["status"] == "unusable"]
    assert unusable and all(int(row["is_relevant"] is None) and row["reason"] == "no_rating" for row in unusable)

    with pytest.raises(UsageError, match=f"it holds {version} \\(judge m\\)"):
        train(tables, labels="another")
    train(tables, labels=version)
    (model,) = tables[PAGE_MODELS].collect()
    card = json.loads(model.card_json)
    assert card["labels"] == f"judge m, version {version}" and "those of a language model" in model.card_markdown
    counts = Counter()
    for part in card["counts"].values():
        counts.update({name: part[name] for name in ("pages", "relevant", "not_relevant", "unsure")})
    assert counts["relevant"] == sum(row["is_relevant"] is True for row in rows)
    assert counts["pages"] == len(rows) - len(unusable) and counts["unsure"] == 0
    assert card["validation"]["relevance"]["precision"]["value"] > 0.9
    assert card["validation"]["quality"]["model"]["mae"] < card["validation"]["quality"]["constant"]["mae"]

    train(tables, labels=version)  # nothing new
    with pytest.raises(UsageError, match="did not learn from the labels"):
        train(tables, labels="another")


def test_the_rubric_can_be_asked_for_labels_of_pages_too(tables, capsys):
    put(tables, pages(30))
    assert main(["label", "--kind", "page", "--lake", tables.lake.root, "--count", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] == {"rated": 20}
    rows = tables.lake.read(LABELS).to_pylist()
    assert {row["oracle"] for row in rows} == {"rubric"} and {row["is_relevant"] for row in rows} >= {True, False}


def test_a_lake_without_pages_says_what_is_expected(tables, capsys):
    assert main(["label", "--kind", "page", "--lake", tables.lake.root, "--count", "20"]) == 1
    assert "--archive WARC --until ingest" in capsys.readouterr().err
