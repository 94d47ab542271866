"""Archives that are damaged where several records are packed together: what cannot be read costs itself."""

import gzip
import random
from itertools import pairwise

import pytest
from backports import zstd

from jobs.ingest.page_reading import Limits, page_row
from jobs.sources.warc_names import Archive
from jobs.sources.warc_records import Damaged, Fetched
from tests.web_archives import as_one, by_record, by_zstd, http, page, read_archive, record
from udfs.isolated import IsolationLimits

MOST = 1 << 20
ENDS = "the archive ends inside the"


def one(name, **headers):
    return record(f"http://{name}.example/", http(page(name)), **headers)


PAGES = [one(f"p{number}") for number in range(8)]


def as_one_frame(records):
    return zstd.compress(b"".join(records))


def after_a_first(records):
    """By record, but for one member that holds all but the first and the last."""
    return by_record(records[:1]) + as_one(records[1:-1]) + by_record(records[-1:])


def with_a_dictionary(records, is_compressed=True):
    content = zstd.train_dict(PAGES * 20, 2000).dict_content
    held = zstd.compress(content) if is_compressed else content
    frames = [zstd.compress(one, zstd_dict=zstd.ZstdDict(content)) for one in records]
    return b"\x5d\x2a\x4d\x18" + len(held).to_bytes(4, "little") + held + b"".join(frames)


FORMS = {
    "plain": b"".join,
    "by_record": by_record,
    "by_zstd": by_zstd,
    "as_one": as_one,
    "as_one_frame": as_one_frame,
    "after_a_first": after_a_first,
    "with_a_dictionary": with_a_dictionary,
}
TOGETHER = ["as_one", "as_one_frame", "after_a_first"]


@pytest.fixture
def read(tmp_path):
    def found(data: bytes, range_bytes=1 << 30):
        path = tmp_path / "a.warc"
        path.write_bytes(data)
        return read_archive(path, range_bytes)

    return found


def names(found):
    return [item.url.removeprefix("http://").removesuffix(".example/") for item in found if isinstance(item, Fetched)]


def damages(found):
    return [item for item in found if isinstance(item, Damaged)]


BAD = {
    "too_long": (one("bad", length=700), 0),
    "longer_than_all": (one("bad", length=10**9), 0),
    "too_short": (one("bad", length=60), 1),
    "zero": (one("bad", length=0), 1),
    "negative": (one("bad", length=-5), 1),
    "no_length": (one("bad").replace(b"Content-Length", b"Content-Width"), 1),
    "no_version": (one("bad")[len(b"WARC/1.0\r\n") :], 1),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_record_costs_itself_however_its_archive_is_packed(read, form, bad):
    wrong, damaged = BAD[bad]
    found = read(FORMS[form]([PAGES[0], wrong, *PAGES[1:5], wrong, *PAGES[5:]]))
    assert [name for name in names(found) if name != "bad"] == [f"p{number}" for number in range(8)]
    assert len(damages(found)) == 2 * damaged
    for item in found:
        if bad.startswith(("too_long", "longer")) and isinstance(item, Fetched) and "bad" in item.url:
            assert item.body.startswith(page("bad")) and item.missing_bytes > 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("left", [12, 25, 40, 150, 500])
@pytest.mark.parametrize("range_bytes", [300, 1 << 30])
def test_an_archive_that_ends_inside_of_a_record_says_so_once(read, form, left, range_bytes):
    whole, longer = FORMS[form](PAGES[:3]), one("last", WARC_Filler=random.Random(1).randbytes(2000).hex())
    found = read(FORMS[form]([*PAGES[:3], longer])[: len(whole) + left], range_bytes)
    assert names(found)[:2] == ["p0", "p1"][: None if form not in TOGETHER else len(names(found))]
    assert len(damages(found)) == 1 and isinstance(found[-1], Damaged)
    assert found[-1].detail.startswith((ENDS, "a record of the type "))  # the latter is one whose type was cut


@pytest.mark.parametrize("form", FORMS)
def test_a_reject_of_a_record_that_the_archive_ends_in_says_so(read, form):
    empty = record("http://empty.example/", http(b"<html><body>" + b" " * 3000), WARC_Filler="x" * 50)
    data = FORMS[form]([*PAGES[:2], record("http://empty.example/", http(b"<html><body>"), length=9999)])
    *_, item, last = read(data)
    row, _ = page_row(Archive("warc:a", "a"), item, Limits(MOST, MOST, IsolationLimits(30, 1 << 30)))
    assert row["reason"] == "empty_page" and "the archive lacks" in row["detail"]
    assert last.detail.startswith(ENDS) and last.offset_bytes == item.offset_bytes
    assert not damages(read(FORMS[form]([*PAGES[:2], empty])))


def checked_frames(records):
    return b"".join(zstd.compress(one, options={zstd.CompressionParameter.checksum_flag: 1}) for one in records)


@pytest.mark.parametrize("form", [by_record, checked_frames])
def test_a_broken_member_is_said_once_and_where_it_begins(read, form):
    data, start, end = form(PAGES), len(form(PAGES[:4])), len(form(PAGES[:5]))
    for place in range(start + 10, end):
        hurt = bytearray(data)
        hurt[place] ^= 0x55
        found = read(bytes(hurt))
        assert names(found) == [f"p{number}" for number in range(8) if number != 4]
        assert [item.offset_bytes for item in damages(found)] == [start]


@pytest.mark.parametrize("seed", range(20))
def test_members_of_any_number_of_records_give_each_once_in_ranges_cut_anywhere(read, seed):
    chance = random.Random(seed)
    records = [record(f"http://p{n}.example/", http(page(f"p{n}") + chance.randbytes(chance.choice([0, 20_000])))) for n in range(30)]
    cuts = sorted({0, 1, *(chance.randrange(30) for _ in range(10)), 30})
    data = b"".join(as_one(records[start:end]) for start, end in pairwise(cuts))
    for range_bytes in (3_000, 20_000, 100_000, 1 << 30):
        assert names(read(data, range_bytes)) == [f"p{number}" for number in range(30)]


def test_a_member_whose_checksum_is_wrong_gives_no_page_after_a_place_that_was_damaged_either(read):
    parts = [gzip.compress(one) for one in PAGES]
    for size in range(65_000, 66_200, 7):  # a reader's block ends before, in and behind the end of the member
        wrong = bytearray(gzip.compress(record("http://wrong.example/", http(b"x" * size)), 1))
        wrong[-8] ^= 1
        found = read(b"".join([parts[0], gzip.compress(one("bad", length=60)), bytes(wrong), *parts[1:]]))
        assert names(found) == ["p0", "bad", *(f"p{number}" for number in range(1, 8))]
        assert len(damages(found)) == 2


def test_what_a_broken_archive_of_one_member_holds_before_its_fault_is_read(read):
    records = [one(f"p{number}", WARC_Filler=random.Random(number).randbytes(200).hex()) for number in range(200)]
    hurt = bytearray(as_one(records))
    hurt[len(hurt) // 2] ^= 0xFF
    found = read(bytes(hurt))
    assert 95 < len(names(found)) <= 200 and len(damages(found)) >= 1


def test_records_without_an_id_have_places_of_their_own_past_a_bad_one_too(read):
    records = [record(f"http://p{n}.example/", http(page("x")), id=None, length=600 if n == 3 else None) for n in range(8)]
    for form in FORMS.values():
        found = [item for item in read(form(records)) if isinstance(item, Fetched)]
        assert len({(item.offset_bytes, item.ordinal) for item in found}) == len(found) == 8
