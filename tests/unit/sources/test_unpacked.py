"""A packed file, read as one."""

import gzip
import io
import random

import pytest
from backports import zstd

from jobs.sources import unpacked
from jobs.sources.unpacked import BrokenMemberError, Unpacked, Unpackers

PACKED = {"gzip": gzip.compress, "zstd": zstd.compress}


def opened(content, window_bytes, is_salvaged=False):
    file = io.BytesIO(content)
    return Unpacked(file, Unpackers(file), 0, window_bytes, is_salvaged)


def parts_of(count, size, seed=1):
    chance = random.Random(seed)
    return [chance.randbytes(chance.randrange(size)).hex().encode() for _ in range(count)]


@pytest.mark.parametrize("form", PACKED)
@pytest.mark.parametrize("behind", [1, 1 << 12, 1 << 20])
def test_it_reads_as_what_was_packed_from_any_place(form, behind, monkeypatch):
    monkeypatch.setattr(unpacked, "_BEHIND", behind)
    parts = [*parts_of(30, 9_000), b"", b"x" * 300_000, *parts_of(3, 90_000)]
    packed, whole = [PACKED[form](part) for part in parts], b"".join(parts)
    file = opened(b"".join(packed), 5_000)
    chance = random.Random(2)
    for _ in range(300):
        place, count = chance.randrange(len(whole) + 10), chance.choice([1, 100, 65_536])
        file.keep(file.seek(place))
        assert file.read(count) == whole[place : place + count] and file.tell() == min(place + count, max(len(whole), place))
        if place < len(whole):
            index = next(n for n in range(len(parts)) if place < sum(map(len, parts[: n + 1])))
            assert file.member_at(place) == sum(map(len, packed[:index]))
    assert file.cut_member is None


@pytest.mark.parametrize("form", PACKED)
def test_it_holds_no_more_than_the_window(form):
    file = opened(PACKED[form](bytes(64 << 20)) * 3, 2 << 20, is_salvaged=True)
    most = 0
    while file.read(1 << 16):
        most = max(most, len(file._held))
    assert file.tell() == 3 * 64 << 20 and most < 5 << 20


@pytest.mark.parametrize("form", PACKED)
def test_what_lies_before_a_cut_or_a_broken_member_is_read_and_the_rest_by_going_on(form):
    parts = parts_of(4, 3_000)
    packed = [PACKED[form](part) for part in parts]
    cut = opened(b"".join(packed)[:-5], 1 << 20)
    assert b"".join(parts).startswith(cut.read(1 << 20)) and cut.cut_member == sum(map(len, packed[:3]))
    packed[1] = packed[1][:10] + b"\xff" * (len(packed[1]) - 10)
    file = opened(b"".join(packed), 1 << 20)
    assert file.read(1 << 20) == parts[0]
    with pytest.raises(BrokenMemberError) as caught:
        file.read(1 << 20)
    assert caught.value.start == len(packed[0])
    assert file.seek(file.go_on(len(packed[0]) + len(packed[1]))) == len(parts[0])
    assert file.read(1 << 20) == parts[2] + parts[3]
