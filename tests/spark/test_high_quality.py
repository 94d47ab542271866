"""The high-quality job on real code: rounds that add what they find, members that are documented, and the same again."""

import hashlib
import json
import sysconfig
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.decide import high_quality
from jobs.decide.high_quality import HighQualityParams
from jobs.decide.high_quality_population import VALIDATION_SEED
from jobs.runtime.errors import UsageError
from schemas.decide import FEATURES, HIGH_QUALITY, HIGH_QUALITY_MODELS, KEPT
from schemas.ingest import CONTENTS
from schemas.spark import spark_schema
from tests.job_runs import run_job
from tests.table_rows import put_rows
from udfs.draws import uniform

LIBRARY = Path(sysconfig.get_path("stdlib"))
HELD_OUT, REPOSITORIES = 5, 40
NOTEBOOK = json.dumps({"nbformat": 4, "cells": [{"cell_type": "markdown", "source": "Words"}]})


def files():
    """(path, text, is_poor): modules as they are, and the same number of made ones without a word of documentation."""
    paths = sorted(LIBRARY.glob("*.py")) + sorted(LIBRARY.glob("*/[a-m]*.py"))
    for place, path in enumerate(paths[:160]):
        yield path.name, path.read_text(encoding="utf-8", errors="replace"), False
        yield f"made{place}.py", "\n".join(f"x{i % 7} = f{place}(y{i % 5}, {i * place}); z[{i}] = x{i % 7} ^ {i}" for i in range(40)), True


def put(tables, table, rows):
    """A table with these rows, by name of the column."""
    put_rows(tables.lake, table, rows)


def lake(tables, scorer=None):
    """Kept files in REPOSITORIES repositories. With a scorer, poor ones have low scores, but for some that are merely without a word."""
    occurrence = spark_schema(FEATURES)["occurrences"].dataType.elementType.names
    rows, features, contents = [], [], {}
    for place, (path, text, is_poor) in enumerate([*files(), ("a.ipynb", NOTEBOOK, True), ("b.ipynb", "{}", True)]):
        key = hashlib.sha256(text.encode()).hexdigest()
        if key in contents:
            continue
        contents[key] = {"content_sha256": key, "text": text, "size_bytes": len(text.encode())}
        repository = f"r{place // 2 % REPOSITORIES}"
        row = {"kind": "file", "candidate": key, "repository": repository, "path": path, "policy": "demo", "policy_hash": "h"}
        row |= {
            "language": "Python" if path.endswith(".py") else "JSON",
            "size_bytes": len(text.encode()),
            "token_estimate": len(text) // 4,
        }
        row |= {"split": "held_out" if repository == f"r{HELD_OUT}" else "train"}
        if scorer:
            row |= {"scorer": scorer, "score_percent": (97 if place % 9 == 0 else 20 + place % 20) if is_poor else 70 + place % 30}
        rows.append(row)
        one = {"repository": repository, "path": path, "language": row["language"], "comment_share": 0.0 if is_poor else 0.04}
        features.append(row | {"has_text_facts": False, "benchmark_count": 0, "is_held_out": False, "occurrence_count": 1,
                               "occurrences": [tuple(one.get(name) for name in occurrence)]})  # fmt: skip
    put(tables, KEPT, rows)
    put(tables, FEATURES, features)
    put(tables, CONTENTS, list(contents.values()))
    return {row["candidate"]: row for row in rows}


def run(tables, **params):
    tables.account.dropped.clear()
    run_job(tables, high_quality, HighQualityParams(**params))
    found = {(row.set, row.candidate): row for row in tables[HIGH_QUALITY].where("is_member").collect()}
    models = {(row.set, row.round): row for row in tables[HIGH_QUALITY_MODELS].collect()}
    return found, models


def draws(rows):
    return uniform(pa.array([row["repository"] for row in rows]), VALIDATION_SEED)


def test_rounds_add_what_they_find_and_the_set_is_documented_code(tables):
    kept = lake(tables, scorer="s")
    found, models = run(tables, sets=("general", "notebooks"), rounds=2, rule=("general.best_share=0.3",))
    cards = [json.loads(models["general", number].card) for number in (1, 2)]
    taught = [card["taught"] for card in cards]
    assert taught[0]["added"] == taught[0]["found_poor"] == 0 < taught[0]["seed"] and taught[0]["uncommented"] > 0
    assert taught[1]["added"] > 0 and taught[1]["seed"] == taught[0]["seed"]
    assert len({models["general", number].model for number in (1, 2)}) == 2
    teaches = {row["repository"]: draw >= 0.2 for row, draw in zip(kept.values(), draws(kept.values()), strict=True)}
    teachers = sum(teaches[row["repository"]] and row["split"] == "train" and row["path"].endswith(".py") for row in kept.values())
    assert 2 < sum(teaches.values()) < REPOSITORIES and sum(cards[0]["roles"].values()) == teachers  # no other repository is looked at

    members = [kept[candidate] for name, candidate in found if name == "general"]
    assert len(members) == len(found) > 80
    assert sum(not row["path"].startswith("made") for row in members) / len(members) > 0.95
    assert {row["split"] for row in members} == {"train", "held_out"}
    assert cards[-1]["set"]["set_files"] == sum(row["split"] == "train" for row in members)
    assert all(row.percent >= 50 and 1 <= row.round <= 2 for row in found.values())
    validation = cards[-1]["validation"]
    # Scores of modules say nothing of their text, so what is found is no better than other modules; it is far from the poor ones.
    shown = [row["score_percent"] for row in kept.values() if not teaches[row["repository"]] and row["path"].endswith(".py")]
    assert len(shown) == validation["scored"] and validation["seeds"] >= 5
    poor_share = sum(score < cards[-1]["cuts"]["poor"] for score in shown) / len(shown)
    assert 0 < validation["seed_recall"] <= 1 and validation["found_poor_share"] < poor_share / 2
    assert validation["found_mean_score"] > validation["mean_score"] + 10

    assert models["notebooks", 0].reason == "few_seeds" and models["notebooks", 0].model is None
    assert tables.account.dropped == {"notebooks: few_seeds": 1}
    assert json.loads(models["notebooks", 0].card)["roles"] == {"seed": 0, "added": 0, "random": 1, "uncommented": 0, "found_poor": 0}

    rule = {"sets": ("general",), "rounds": 2, "rule": ("general.best_share=0.3",)}
    before = tables.lake.version(HIGH_QUALITY_MODELS)
    again, _ = run(tables, **rule)
    assert again == found and tables.lake.version(HIGH_QUALITY_MODELS) == before  # frozen: nothing is trained
    assert tables.account.read_rows == 0  # what these models said is known
    one, another = [candidate for _, candidate in found][:2]
    tables.spark.sql(f"delete from delta.`{tables.lake.spark_path(KEPT.name)}` where candidate = '{one}'")
    tables.spark.sql(f"delete from delta.`{tables.lake.spark_path(HIGH_QUALITY.name)}` where candidate = '{another}'")
    fewer, _ = run(tables, **rule)
    assert fewer == {key: row for key, row in found.items() if key[1] != one} and tables.account.read_rows == 1
    put(tables, KEPT, list(kept.values()))
    tables.is_forced = True
    assert run(tables, **rule)[0] == found and tables.account.read_rows == len(kept) - 2  # two notebooks are in no such set
    tables.is_forced = False
    anew, trained = run(tables, **rule, retrain=True)
    assert anew == found and all(trained[key].model == row.model for key, row in models.items())


def test_without_a_scorer_the_rubric_rates_a_sample_and_no_set_leaves_nothing(tables):
    lake(tables)
    found, models = run(tables, sets=("general",), rounds=1, rated_files=250)
    card = json.loads(models["general", 1].card)
    assert card["scorer"].startswith("rubric") and 100 < card["cuts"]["scored"] < 250 and card["taught"]["seed"] >= 20
    said = tables[HIGH_QUALITY].count()
    assert len(found) < said == sum(row.language == "Python" for row in tables[KEPT].collect())
    assert found
    assert run(tables, sets=())[0] == {} and tables.account.remark == "no set is asked for"


@pytest.mark.parametrize(
    "params",
    [
        {"sets": ("best",)},
        {"rule": ("general.best_share=2",)},
        {"rule": ("general.name=x",)},
        {"sets": ("general",), "rule": ("notebooks.best_share=0.1",)},
    ],
)
def test_a_wrong_set_or_rule_is_refused(params):
    with pytest.raises(UsageError, match=r"there is no high-quality set|rule .*: expected"):
        HighQualityParams(**params).checked()
