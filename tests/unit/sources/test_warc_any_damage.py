"""A law of damaged archives: what lies in whole members is given once and byte for byte, and a damage is said."""

import gzip
import random
import zlib
from collections import Counter

import pytest
from backports import zstd

from jobs.sources.warc_records import Damaged
from tests.web_archives import http, page, read_archive, record

CHECKED = {zstd.CompressionParameter.checksum_flag: 1}
PACKED = {"gzip": lambda held: gzip.compress(held, 1, mtime=0), "zstd": lambda held: zstd.compress(held, options=CHECKED)}

UNPACKED = {"gzip": gzip.decompress, "zstd": zstd.decompress}


def a_body(chance):
    size = chance.choice([0, 0, 0, 300, 300, 3_000, 3_000, 3_000, 40_000, 200_000])
    return chance.choice([bytes(size), chance.randbytes(size), chance.randbytes(size // 8).hex().encode() * 4])


def wrong_length(chance, url, block):
    length = chance.choice([len(block) + chance.randrange(50, 1 << 21), max(0, len(block) - chance.randrange(20, 2_000))])
    return record(url, block, length=length)


def hurt(chance, form, damage, member, is_first):
    if damage == "cut":
        return member[: chance.randrange(12, len(member))]
    places = [*([] if is_first else [0, 1, 2]), *range(10, len(member))]  # what lies between in a gzip header is guarded by nothing
    changed = bytearray(member)
    changed[chance.choice(places)] ^= 1 << chance.randrange(8)
    return bytes(changed) if is_broken(form, changed) else hurt(chance, form, damage, member, is_first)


def is_broken(form, member):
    """Not so where the bit is one that only fills a byte up."""
    try:
        UNPACKED[form](bytes(member))
    except (OSError, EOFError, zlib.error, zstd.ZstdError):
        return True
    return False


def an_archive(chance, form, damage):
    """An archive with one damaged member, and the bodies by address that lie in the others."""
    counts = [chance.choice([1, 1, 1, 2, 5, 40]) for _ in range(chance.randrange(2, 25))]
    damaged, members, bodies = chance.randrange(len(counts)), [], {}
    for number, count in enumerate(counts):
        held = {f"http://p{number}.example/{n}": page(f"{number} {n}") + a_body(chance) for n in range(count)}
        records = [record(url, http(body)) for url, body in held.items()]
        if number != damaged:
            bodies |= held
        elif damage == "length":
            place = chance.randrange(count)
            records[place] = wrong_length(chance, list(held)[place], http(list(held.values())[place]))
        members.append(PACKED[form](b"".join(records)))
    if damage != "length":
        members[damaged] = hurt(chance, form, damage, members[damaged], damaged == 0)
    return b"".join(members), bodies


@pytest.mark.parametrize("form", PACKED)
@pytest.mark.parametrize("damage", ["flip", "cut", "length"])
@pytest.mark.parametrize("seed", range(12))
def test_whole_members_of_a_damaged_archive_lose_and_double_nothing(tmp_path, form, damage, seed):
    chance, path = random.Random(f"{form} {damage} {seed}"), tmp_path / "a.warc"
    data, bodies = an_archive(chance, form, damage)
    path.write_bytes(data)
    range_bytes = chance.choice([1_000, 50_000, 1 << 30])
    found = read_archive(path, range_bytes)
    assert any(isinstance(item, Damaged) or item.missing_bytes for item in found)
    given = [item for item in found if not isinstance(item, Damaged) and item.url in bodies]
    assert Counter(item.url for item in given) == Counter(list(bodies))
    assert all((item.body, item.missing_bytes) == (bodies[item.url], 0) for item in given)
