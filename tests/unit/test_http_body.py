import gzip
import time
import zlib

import brotli
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from tests.web_archives import chunked, raw_deflate
from udfs.http_body import Body, decoded, unchunked

TEXT = b"<html>" + b"hello world, again and again. " * 500
LIMIT = 1 << 20
CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": lambda body: gzip.compress(body[:100]) + gzip.compress(body[100:]),
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@given(st.binary(max_size=300), st.integers(1, 50))
def test_chunks_come_back_as_they_went(body, size):
    assert unchunked(chunked(body, size)) == Body(body, True)


@pytest.mark.parametrize("name", CODINGS)
def test_every_coding_is_undone(name):
    assert decoded(CODINGS[name](TEXT), "", name, LIMIT) == Body(TEXT, True)


@pytest.mark.parametrize("name", CODINGS)
def test_a_coding_that_the_body_does_not_have_is_taken_as_undone(name):
    assert decoded(TEXT, "chunked", name, LIMIT) == Body(TEXT, True)


@pytest.mark.parametrize("name", CODINGS)
def test_a_body_that_was_cut_off_gives_what_there_is(name):
    whole = CODINGS[name](TEXT)
    found = decoded(whole[: len(whole) * 3 // 4], "", name, LIMIT)
    assert not found.is_whole
    assert TEXT.startswith(found.content)


def test_chunks_that_end_early_are_not_whole():
    assert unchunked(chunked(TEXT, 100)[:1000]).is_whole is False
    assert TEXT.startswith(unchunked(chunked(TEXT, 100)[:1000]).content[:900])
    assert unchunked(b"5\r\nhello\r\nworld").content == b"hello"


def test_codings_are_undone_from_the_outermost_in():
    assert decoded(chunked(gzip.compress(gzip.compress(TEXT)), 7), "chunked", "gzip, gzip", LIMIT) == Body(TEXT, True)


@pytest.mark.parametrize("name", CODINGS)
def test_a_bomb_is_opened_up_to_the_limit_only(name):
    found = decoded(CODINGS[name](bytes(40 << 20)), "", name, LIMIT)
    assert len(found.content) == LIMIT
    assert not found.is_whole


@given(st.binary(max_size=200), st.sampled_from([*CODINGS, "unknown", ",, ,"]))
def test_nothing_that_is_sent_is_an_error(body, name):
    assert decoded(body, "chunked", name, LIMIT).content is not None


def test_many_small_members_cost_no_more_than_their_bytes():
    body = gzip.compress(b"") * 80_000 + gzip.compress(TEXT)  # 1.6 MB: a copy a member took 5 s
    start = time.process_time()
    assert decoded(body, "", "gzip", LIMIT) == Body(TEXT, True)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("name", CODINGS)
def test_a_line_end_after_the_body_is_no_part_of_it(name):
    if name not in ("Deflate", "deflate"):
        assert decoded(CODINGS[name](TEXT) + b"\r\n", "", name, LIMIT).content == TEXT


def test_all_frames_of_zstd_are_read():
    assert decoded(zstd.compress(TEXT[:100]) + zstd.compress(TEXT[100:]), "", "zstd", LIMIT) == Body(TEXT, True)
