"""Web archives by the job: every response is a page or a reject, increments add up, pages are judged as candidates."""

import gzip
from collections import Counter

import pytest

from jobs.assemble import documents
from jobs.assemble.documents import PAGE_LAYOUT, DocumentsParams
from jobs.cli import main
from jobs.decide import features, gates, verdicts
from jobs.decide.features import FeaturesParams
from jobs.decide.profiles import PolicyParams
from jobs.decide.verdicts import VerdictsParams
from jobs.ingest import pages
from jobs.ingest.pages import PagesParams
from schemas.assemble import DOCUMENTS
from schemas.decide import DROPPED, FEATURES, KEPT
from schemas.ingest import CONTENTS, FINGERPRINTS, PAGES, REJECTS
from tests.job_runs import run_job
from tests.web_archives import by_record, chunked, http, page, record

GERMAN = "<html><title>Größe</title><p>Die Größe der Übungen für Anfänger, mit vielen Wörtern, die keiner zählt, auch nicht hier.</p>"
CODE = "def f(x):\n    return x\n"
DAY_ONE = [
    record("", b"software: test\r\n", "warcinfo", id="info"),
    record("http://a.example/code", http(page("alpha", CODE))),
    record("http://b.example/copy", http(page("alpha", CODE))),  # the same text on another host
    record("http://A.example:8080/x", http(chunked(gzip.compress(page("beta")), 50), Transfer_Encoding="chunked", Content_Encoding="gzip")),
    record("http://c.example/de", http(GERMAN.encode(), Content_Type="text/html; charset=iso-8859-1")),
    record("http://c.example/sniffed", http(b"<!DOCTYPE html>" + page("gamma"), Content_Type="")),
    record("http://c.example/links", http(b"<html><p>" + b"<a href='/x'>one more word here</a> " * 30)),
    record("http://c.example/short", http(b"<html><p>Too short.")),
    record("http://c.example/gone", http(page("gone"), "404 Not Found")),
    record("http://c.example/doc.pdf", http(b"%PDF-1.4 ...", Content_Type="application/pdf")),
    record("http://c.example/data", http(bytes(range(256)) * 10)),
    record("http://c.example/empty", http(b"")),
    record("http://c.example/blank", http(b"<html><body><script>x()</script></body></html>")),
    record("http://c.example/huge", http(b"<p>" + b"word " * 60_000)),
    record("http://c.example/again", http(b""), "revisit"),
    record("dns:c.example", b"c.example. 300 IN A 1.2.3.4", Content_Type="text/dns"),
    record("http://a.example/code", http(page("delta"))),  # the id of another record
]
REASONS = {
    "http_status": 1, "not_html": 1, "binary": 1, "empty_body": 1, "empty_page": 1, "too_large": 1, "revisit": 1, "no_url": 1,
    "duplicate_record": 1,
}  # fmt: skip


def run(tables, job, params):
    run_job(tables, job, params)


def ingest(tables, *paths, **params):
    run(tables, pages, PagesParams(tuple(map(str, paths)), max_html_bytes=200_000, **params))


@pytest.fixture
def day_one(tmp_path):
    path = tmp_path / "one.warc.gz"
    path.write_bytes(by_record(DAY_ONE))
    return path


def test_every_response_is_a_page_or_a_reject_and_a_day_adds_to_the_other(tables, day_one, tmp_path):
    ingest(tables, day_one, range_bytes=1 << 10)
    found = {row.url: row for row in tables[PAGES].collect()}
    assert len(found) == 7
    rejected = Counter(row.reason for row in tables[REJECTS].collect())
    assert rejected == REASONS
    assert tables.account.read_rows == len(found) + sum(REASONS.values()) == len(DAY_ONE) - 1
    assert found["http://A.example:8080/x"].host == "a.example"
    assert found["http://c.example/de"].charset == "utf-8"
    assert found["http://a.example/code"].content_sha256 == found["http://b.example/copy"].content_sha256
    assert found["http://a.example/code"].code_bytes >= len(CODE.rstrip())
    texts = {row.content_sha256: row.text for row in tables[CONTENTS].collect()}
    assert len(texts) == 6
    assert CODE in texts[found["http://a.example/code"].content_sha256]
    assert "Größe der Übungen" in texts[found["http://c.example/de"].content_sha256]

    second = tmp_path / "two.warc"
    second.write_bytes(b"".join([record("http://d.example/new", http(page("epsilon"))), DAY_ONE[3]]))
    ingest(tables, day_one, second)
    assert tables[PAGES].count() == 8
    row = tables[REJECTS].where("source = 'warc:two.warc'").first()
    assert (row.reason, row.locator) == ("duplicate_record", "http://A.example:8080/x")

    # What a changed archive no longer holds is gone; what cannot be read any more is kept, said, and tried again.
    second.write_bytes(record("http://d.example/other", http(page("zeta"))))
    ingest(tables, day_one, second)
    assert {row.url for row in tables[PAGES].where("archive = 'warc:two.warc'").collect()} == {"http://d.example/other"}
    second.write_bytes(b"no archive any more")
    ingest(tables, day_one, second)
    assert tables[PAGES].count() == 8
    assert tables[REJECTS].where("source = 'warc:two.warc'").first().reason == "unreadable"
    assert {row.source for row in tables[FINGERPRINTS].collect()} == {"warc:one.warc.gz", "warc:two.warc"}
    assert pages.is_changed(tables.lake, PagesParams((str(second),), max_html_bytes=200_000))


def test_pages_are_candidates_whose_counts_close(tables, day_one):
    ingest(tables, day_one)
    run(tables, features, FeaturesParams(held_out_rate=0.0))
    rows = {row.candidate: row for row in tables[FEATURES].collect()}
    assert len(rows) == 6 and {row.kind for row in rows.values()} == {"page"}
    twice = next(row for row in rows.values() if row.occurrence_count == 2)
    assert [(o.repository, o.path) for o in twice.occurrences] == [
        ("a.example", "http://a.example/code"),
        ("b.example", "http://b.example/copy"),
    ]
    assert twice.has_code_tags and 0 < twice.code_share < 1
    assert {(row.repeated_share, row.cut_line_share) for row in rows.values()} == {(0.0, 0.0)}

    changes = ("deduplicate=false",)
    run(tables, gates, PolicyParams(policy=changes))
    run(tables, verdicts, VerdictsParams(policy=changes, scorer="none"))
    dropped = {reason: row for row in tables[DROPPED].collect() for reason in row.reasons}
    assert {"few_words", "mostly_links"} <= dropped.keys()
    assert tables[KEPT].count() + tables[DROPPED].count() == 6
    run(tables, documents, DocumentsParams())
    made = tables[DOCUMENTS].collect()
    assert {(row.kind, row.layout, row.contents[0]) for row in made} == {
        ("page", PAGE_LAYOUT, row.candidate) for row in tables[KEPT].collect()
    }


def test_a_page_is_explained_by_its_address_its_record_and_its_text(tables, day_one, capsys):
    ingest(tables, day_one)
    run(tables, features, FeaturesParams(held_out_rate=0.0))
    run(tables, gates, PolicyParams(policy=("deduplicate=false",)))
    run(tables, verdicts, VerdictsParams(policy=("deduplicate=false",), scorer="none"))
    key = tables[PAGES].where("url = 'http://c.example/short'").first().content_sha256
    for what in ("http://c.example/short", key, key[:12]):
        assert main(["explain", what, "--lake", tables.lake.root]) == 0
        said = capsys.readouterr().out
        assert "page http://c.example/short" in said and "few_words: the page has fewer words" in said
        assert "occurs 0 times" not in said
    assert main(["explain", "http://a.example/code", "--lake", tables.lake.root]) == 0
    assert "1 blocks of code (python)" in capsys.readouterr().out


def test_a_held_out_host_holds_out_its_pages(tables, day_one):
    ingest(tables, day_one)
    run(tables, features, FeaturesParams(held_out_rate=1.0))
    assert {row.is_held_out for row in tables[FEATURES].collect()} == {True}
