"""What is asked of a record before its page is read."""

import time

import pytest

from jobs.ingest.page_reading import LOOKS_LIKE_HTML, host_of


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
