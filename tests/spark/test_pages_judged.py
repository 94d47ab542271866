"""Models of pages in the lake: trained once on hosts that are not held out, applied to what is missing, hosts judged together."""

import hashlib
import json

import pytest
from pyspark.sql import functions as F

from jobs.annotate import page_judgements, page_models
from jobs.annotate.page_artefact import read_folder, write_folder
from jobs.annotate.page_judgements import PageJudgementsParams
from jobs.annotate.page_models import PageModelsParams
from jobs.cli import main
from jobs.decide.page_features import check_held_out
from jobs.runtime.errors import UsageError
from schemas.annotate import DUPLICATES, PAGE_HOSTS, PAGE_JUDGEMENTS, PAGE_MODELS
from schemas.ingest import CONTENTS, PAGES
from tests.job_runs import run_job
from tests.page_corpus import pages
from tests.table_rows import put_rows
from udfs.page_models import PageModels

PARAMS = PageModelsParams(buckets=1000, held_out_rate=0.1)


def put(tables, found, start=0):
    """Pages into the lake, as an ingest would append them."""
    empty = dict.fromkeys(PAGES.names)
    rows, texts = [], {}
    for number, page in enumerate(found, start):
        key = hashlib.sha256(page.text.encode()).hexdigest()
        facts = {name: getattr(page, name) for name in ("url", "host", "title", "has_code_tags", "word_count", "link_word_count")}
        row = empty | facts | {"record": f"record-{number:04}", "archive": "a.warc", "offset_bytes": number, "content_sha256": key}
        row |= {
            "media_type": "text/html",
            "charset": "utf-8",
            "html_bytes": 1,
            "is_truncated": False,
            "extractor": "1",
            "code_languages": [],
        }
        rows.append(
            tuple(
                (row | {"code_block_count": 0, "code_bytes": 0, "repeated_share": 0.0, "cut_line_share": 0.0})[name] for name in PAGES.names
            )
        )
        texts[key] = (key, page.text, len(page.text.encode()))
    for table, new in ((PAGES, rows), (CONTENTS, list(texts.values()))):
        there = set(tables.lake.read(table, list(table.key)[:1]).column(0).to_pylist())
        put_rows(tables.lake, table, [row for row in new if row[table.names.index(table.key[0])] not in there], "append")


def run(tables, job=page_models, params=PARAMS):
    tables.account.remark = ""
    run_job(tables, job, params)
    return tables.account.remark


def test_pages_are_judged_by_models_that_no_held_out_host_taught(tables, tmp_path):
    assert run(tables) == "there are no pages, nothing is trained"
    assert "nothing is judged" in run(tables, page_judgements, PageJudgementsParams())
    found = pages(420)
    put(tables, found[:60])
    assert run(tables).startswith("too few pages, nothing is trained: ") and tables[PAGE_MODELS].isEmpty()
    put(tables, found[60:], 60)
    assert run(tables) == ""
    (model,) = tables[PAGE_MODELS].collect()
    card = json.loads(model.card_json)
    held_out = {row.host for row in page_models.held_out_hosts(tables, PARAMS).where("is_held_out").collect()}
    assert held_out and card["counts"]["held_out"]["hosts"] == len(held_out)
    assert sum(card["counts"][part]["hosts"] for part in ("train", "validation", "held_out")) == len({page.host for page in found})
    assert model.card_markdown.startswith(f"# Models of pages {model.model_hash[:16]}")

    assert run(tables, page_judgements, PageJudgementsParams()) == ""
    judged = tables[PAGE_JUDGEMENTS]
    assert judged.count() == len(found)
    whole = {row.host: row for row in tables[PAGE_HOSTS].collect()}
    assert whole.keys() == {page.host for page in found}
    of_hosts = judged.join(tables[PAGES].select("record", "host"), "record").groupBy("host", "category")
    weights = {}
    for row in of_hosts.agg(F.sum("category_percent").alias("weight")).collect():
        weights.setdefault(row.host, {})[row.category] = row.weight
    for host, row in whole.items():
        assert row.category == min(weights[host], key=lambda name: (-weights[host][name], name))
        assert row.category_share == pytest.approx(weights[host][row.category] / sum(weights[host].values()))

    # New pages are judged by the old models, and no row is made again.
    before = tables.lake.version(PAGE_JUDGEMENTS)
    put(tables, pages(440)[420:], 420)
    assert run(tables) == "" and tables[PAGE_MODELS].collect() == [model]
    assert run(tables, page_judgements, PageJudgementsParams()) == ""
    assert int(tables.lake.history(PAGE_JUDGEMENTS, 1)[0]["operationMetrics"]["numOutputRows"]) == 20
    assert tables.lake.version(PAGE_JUDGEMENTS) == before + 1

    # What a lake made can be brought to another: the same models, the same name for their judgements.
    models = PageModels(model.threshold_percent, bytes(model.relevance_model), bytes(model.category_model), bytes(model.quality_model))
    write_folder(tmp_path / "models", models, card, model.card_markdown)
    run(tables, params=PageModelsParams(name="other", given=str(tmp_path / "models")))
    other = tables[PAGE_MODELS].where("name = 'other'").first()
    assert (other.model_hash, other.origin, other.card_markdown) == (model.model_hash, "given", model.card_markdown)
    (tmp_path / "models/quality.bin").write_bytes(b"no model")
    with pytest.raises(UsageError, match=r"quality\.bin is no fastText model"):
        read_folder(tmp_path / "models")


def test_of_near_duplicates_one_page_is_taken_and_a_held_out_one_first(tables):
    found = pages(60)[1::6]
    put(tables, found)
    key = [row.content_sha256 for row in tables[PAGES].orderBy("record").select("content_sha256").collect()]
    groups = [(key[n], "v", n, n, group, 2, 1.0) for n, group in ((0, 7), (1, 7), (2, 8), (3, 8))]
    put_rows(tables.lake, DUPLICATES, groups)
    hosts = [page.host for page in found]
    for rate in (0.0, 0.5):
        params = PageModelsParams(held_out_rate=rate)
        held_out = {row.host for row in page_models.held_out_hosts(tables, params).where("is_held_out").collect()}
        chosen = {int(row.record[-4:]): row for row in page_models.candidates(tables, params).collect()}
        assert len(chosen) == len(found) - 2 and set(range(4, len(found))) <= chosen.keys()
        for group in ((0, 1), (2, 3)):
            (one,) = set(group) & chosen.keys()
            assert one == min(group, key=lambda n: (hosts[n] not in held_out, hosts[n], n))
        assert all(row.is_held_out == (row.host in held_out) for row in chosen.values())
    assert 0 < len(held_out) < len(hosts)


def test_the_card_is_printed_and_the_models_are_written_out(tables, tmp_path, capsys):
    assert main(["page-models", "--lake", tables.lake.root]) == 1
    assert "has no models 'default'" in capsys.readouterr().err
    found = pages(420)
    put(tables, found)
    run(tables)
    for rate, seed in ((0.1, "held-out"), (0.0, "held-out")):
        check_held_out(tables, rate, seed)
    for rate, seed in ((0.2, "held-out"), (0.1, "another")):
        with pytest.raises(UsageError, match="they have seen hosts that are to be held out"):
            check_held_out(tables, rate, seed)
    assert main(["page-models", "--lake", tables.lake.root, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    models, card = read_folder(tmp_path / "out")
    assert printed.startswith(f"# Models of pages {models.model_hash[:16]}") and card["model_hash"] == models.model_hash
    assert (tmp_path / "out/card.md").read_text() == printed.removesuffix("\n")
