"""What is asked of a record before its page is read."""

import time

import pytest

from jobs.ingest.page_reading import LOOKS_LIKE_HTML, Limits, host_of, other_format, page_row
from jobs.sources.warc import ranges, read_range
from jobs.sources.warc_names import Archive
from tests.web_archives import http, page, record
from udfs.isolated import IsolationLimits


def test_what_looks_like_html_is_told_in_one_pass():
    start = time.process_time()
    assert not LOOKS_LIKE_HTML.match(b"<!---->" * 290 + b"x")
    assert LOOKS_LIKE_HTML.match(b"\n<?xml version='1.0'?> <!-- a -- b --> <!DOCTYPE html>")
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://A.Example:80/x", "a.example"),
        ("https://[::1]/", "::1"),
        ("dns:a.example", ""),
        ("http://[bad/", ""),
        ("", ""),
        ("http://www.a.example./x", "a.example"),
        ("http://WWW.a.example/", "a.example"),
        ("http://www.example/", "www.example"),
    ],
)
def test_a_host_is_that_of_a_web_address(url, host):
    assert host_of(url) == host


def test_a_record_whose_bytes_are_not_those_of_its_digest_is_a_reject(tmp_path):
    row, text = _read(tmp_path, page("one"), WARC_Block_Digest="sha1:" + "A" * 32)
    assert (row["reason"], row["locator"], text) == ("wrong_digest", "http://a.example/", None)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"%PDF-1.4\n" + b"plain text obj endobj " * 9, "PDF"),
        (b'\n{"a": [1, "<p>words of a page</p>"]}\n', "JSON"),
        (b"[1, 2]", "JSON"),
    ],
)
def test_what_a_server_calls_html_and_is_another_format_is_a_reject(tmp_path, body, name):
    row, text = _read(tmp_path, body)
    assert (row["reason"], text) == ("not_html", None)
    assert row["detail"] == f"text/html, but the body is {name} (http://a.example/)"


@pytest.mark.parametrize(
    "body", [b"<p>%PDF-1.4</p>", b"{% block %}<p>x</p>{% end %}", b"[1] <p>x</p> [2]", b"{a}", b"", b"[" * 99999 + b"]" * 99999]
)
def test_html_is_taken_for_no_other_format(body):
    assert other_format(body) == ""


def _read(folder, body, **headers):
    path = folder / "a.warc"
    path.write_bytes(record("http://a.example/", http(body), **headers))
    (item,) = read_range(str(path), ranges(str(path), 1 << 20)[0], 1 << 20)
    return page_row(Archive("warc:a", str(path)), item, Limits(1 << 20, 1 << 20, IsolationLimits(30, 1 << 30)))
