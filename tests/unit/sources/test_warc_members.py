"""Broken, torn and hostile members and frames: all that lies in whole ones is given, once."""

import base64
import gzip
import hashlib
import random
import tracemalloc
from dataclasses import replace

import pytest
from backports import zstd

from jobs.sources.unpacked import Unpacked
from jobs.sources.warc_records import Damaged, Fetched
from tests.web_archives import as_one, by_record, by_zstd, http, page, read_archive, record

MOST = 1 << 20


@pytest.fixture
def read(tmp_path):
    def found(data: bytes, range_bytes=1 << 30):
        path = tmp_path / "a.warc"
        path.write_bytes(data)
        return read_archive(path, range_bytes)

    return found


def a_record(name, size, **headers):
    """A page of so many bytes that cannot be packed to less than half of them."""
    return record(f"http://{name}.example/", http(page(name) + random.Random(name).randbytes(size // 2).hex().encode()), **headers)


def digested(name, size):
    block = a_record(name, size).split(b"\r\n\r\n", 1)[1][:-4]
    return record(f"http://{name}.example/", block, WARC_Block_Digest="sha1:" + base64.b32encode(hashlib.sha1(block).digest()).decode())


def flipped(data, place, bit=0x10):
    hurt = bytearray(data)
    hurt[place] ^= bit
    return bytes(hurt)


def names(found):
    return [item.url.removeprefix("http://").removesuffix(".example/") for item in found if isinstance(item, Fetched)]


def damages(found):
    return [item for item in found if isinstance(item, Damaged)]


@pytest.mark.parametrize(("size", "repeats"), [(500, 4), (3_000, 1)])  # fastwarc hands out some of these, and the second reader fewer
def test_records_behind_a_broken_member_of_many_are_given_once(read, size, repeats):
    first, *good = [a_record(f"p{number}", 0) for number in range(201)]
    texts = [random.Random(number).randbytes(size // 2).hex().encode() * repeats for number in range(100)]
    broken = flipped(as_one([record(f"http://b{n}.example/", http(page(f"b{n}") + text)) for n, text in enumerate(texts)]), -6)
    found = read(by_record([first]) + broken + by_record(good))
    assert [name for name in names(found) if name[0] == "p"] == [f"p{number}" for number in range(201)]
    given = [name for name in names(found) if name[0] == "b"]
    assert len(given) == len(set(given)) and len(damages(found)) == 1


@pytest.mark.parametrize("form", [by_record, by_zstd])
@pytest.mark.parametrize("left", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("after", [1, 3, 40])
@pytest.mark.parametrize("range_bytes", [500, 1 << 30])
def test_what_was_appended_to_a_torn_member_is_read(read, form, left, after, range_bytes):
    parts = [form([a_record(f"p{number}", 60_000 if number == 1 else 0)]) for number in range(2 + after)]
    parts[1] = parts[1][: int(len(parts[1]) * left)]
    found = read(b"".join(parts), range_bytes)
    assert [name for name in names(found) if name != "p1"] == [f"p{number}" for number in range(2 + after) if number != 1]
    assert len(damages(found)) == 1


@pytest.mark.parametrize("left", [4, 12, 40])
def test_what_was_appended_to_a_torn_head_behind_an_empty_member_is_read(read, left):
    parts = [by_record([a_record(f"p{number}", 3_000)]) for number in range(5)]
    found = read(parts[0] + gzip.compress(b"") + parts[1][:left] + b"".join(parts[2:]))
    assert names(found)[-4:] == ["p0", "p2", "p3", "p4"] and len(damages(found)) == 1


@pytest.mark.parametrize("size", [8_000, 100_000, 400_000])
def test_frames_behind_a_broken_one_are_found_however_large_their_blocks_are(read, size):
    frames = [by_zstd([a_record(f"p{number}", size)]) for number in range(30)]
    frames[3] = flipped(frames[3], 30)
    found = read(b"".join(frames))
    assert [name for name in names(found) if name != "p3"] == [f"p{number}" for number in range(30) if number != 3]


def test_altered_text_of_a_broken_member_that_is_all_is_known_by_its_digest(read):
    data = as_one([digested(f"p{number}", 2_000) for number in range(80)])
    whole = {item.url: item for item in read(data)}
    assert len(whole) == 80 and not any(item.has_wrong_digest for item in whole.values())
    altered = 0
    for seed in range(20):
        for item in read(flipped(data, random.Random(seed).randrange(len(data) // 2, len(data) - 8))):
            right = whole.get(getattr(item, "url", ""))
            if right and item.body != right.body and replace(item, body=right.body, ordinal=right.ordinal, has_wrong_digest=False) == right:
                altered += 1
                assert item.has_wrong_digest
    assert altered > 10


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_dictionary_of_any_size_takes_no_more_memory_than_a_dictionary_may(read, is_declared):
    held = bytes(64 << 20) if is_declared else zstd.compress(bytes(64 << 20))
    frames = by_zstd([a_record("p0", 3_000), a_record("p1", 3_000)])
    data = b"\x5d\x2a\x4d\x18" + len(held).to_bytes(4, "little") + held + frames
    tracemalloc.start()
    try:
        found = read(data)
        assert tracemalloc.get_traced_memory()[1] < 60 << 20
    finally:
        tracemalloc.stop()
    assert names(found) == ["p0", "p1"]  # these frames need none


@pytest.mark.parametrize("form", [by_record, by_zstd])
def test_going_back_unpacks_from_the_member_of_the_record_on(read, form, monkeypatch):
    begun, inner = [], Unpacked._rewind
    monkeypatch.setattr(Unpacked, "_rewind", lambda self, member: begun.append(member[1]) or inner(self, member))
    parts = [form([record(f"http://p{n}.example/", http(bytes(3 << 20)), length=10**9 if n else None)]) for n in range(5)]
    assert len(names(read(b"".join(parts)))) == 5
    starts = [sum(map(len, parts[:n])) for n in range(5)]
    assert begun == [0, *starts[1:4]]  # the last is held


def test_members_without_an_end_are_read_past_so_often_and_no_more(read):
    endless = b"\x50\x2a\x4d\x18\xff\xff\xff\xff"  # a frame to be skipped, that says it is of 4 GB: read to the archive's end each time
    found = read(b"".join(by_zstd([a_record(f"p{number}", 0)]) + endless for number in range(130)))
    assert names(found) == [f"p{number}" for number in range(101)] and len(damages(found)) == 101
    assert found[-1].detail == "the zstd frame that begins here has no end, as 100 before it have none: what follows is not read"


@pytest.mark.parametrize("form", [b"".join, by_record, as_one, by_zstd])
@pytest.mark.parametrize("beyond", [0, 30, 1_500_000])
def test_a_length_that_reaches_over_further_records_beyond_the_limit_of_a_body_hides_none(read, form, beyond):
    block = http(bytes(MOST - len(http(b"")) - 2 + beyond))
    pages = [a_record(f"p{number}", 0) for number in range(6)]
    found = read(form([record("http://long.example/", block, length=len(block) + sum(map(len, pages[:3]))), *pages]))
    assert names(found) == ["long", *(f"p{number}" for number in range(6))]
    assert found[0].missing_bytes > 0 and found[0].body == block[len(http(b"")) :][:MOST]
