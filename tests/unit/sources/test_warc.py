import base64
import gzip
import hashlib

import pytest

from jobs.sources import warc
from jobs.sources.source import SourceError
from jobs.sources.warc import Range, ranges, read_range
from jobs.sources.warc_names import Archive, fingerprint, parse_archives
from jobs.sources.warc_records import Damaged, Fetched
from tests.web_archives import as_one, by_record, by_zstd, chunked, http, page, read_archive, record

MOST = 1 << 20
RECORDS = [
    record("", b"software: test\r\n", "warcinfo", id="info", Content_Type="application/warc-fields"),
    *(
        part
        for number in range(30)
        for part in (
            record(f"http://h.example/{number}", b"GET / HTTP/1.1\r\n\r\n", "request", id=f"q{number}"),
            record(f"http://h.example/{number}", http(page(f"number {number}") * (number % 7 + 1))),
        )
    ),
]
FORMS = {"plain": b"".join, "by_record": by_record, "as_one": as_one, "zstd": by_zstd}


def read(path, range_bytes=1 << 30):
    return read_archive(path, range_bytes)


@pytest.fixture
def archive(tmp_path):
    def write(data: bytes, name: str = "a.warc"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_records(archive, form):
    found = read(archive(FORMS[form](RECORDS)))
    assert [item.url for item in found] == [f"http://h.example/{number}" for number in range(30)]
    assert [item.body for item in found] == [page(f"number {number}") * (number % 7 + 1) for number in range(30)]
    first = found[0]
    assert (first.record_id, first.http_status, first.media_type, first.charset) == (
        "http://h.example/0",
        200,
        "text/html; charset=utf-8",
        "utf-8",
    )
    assert (first.fetched_time, first.missing_bytes, first.is_cut, first.is_truncated) == (1767323045, 0, False, False)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("range_bytes", [1, 97, 1000, 5000])
def test_ranges_cut_anywhere_give_every_record_once(archive, form, range_bytes):
    path = archive(FORMS[form](RECORDS))
    assert read(path, range_bytes) == read(path)


def test_what_cannot_be_found_from_anywhere_is_one_range(archive):
    assert len(ranges(str(archive(as_one(RECORDS))), 100)) == len(ranges(str(archive(by_zstd(RECORDS))), 100)) == 1
    assert len(ranges(str(archive(by_record(RECORDS))), 100)) > 10


@pytest.mark.parametrize("form", ["plain", "by_record"])
def test_reading_goes_on_after_a_damaged_place(archive, form):
    parts = [FORMS[form]([one]) for one in RECORDS]
    hurt = bytearray(parts[20])
    hurt[12:60] = bytes(48)
    found = read(archive(b"".join([*parts[:20], bytes(hurt), *parts[21:]])))
    damaged = [item for item in found if isinstance(item, Damaged)]
    assert len(damaged) == 1
    urls = {item.url for item in found if isinstance(item, Fetched)}
    assert {f"http://h.example/{number}" for number in range(30) if number not in (9,)} <= urls


@pytest.mark.parametrize("length", [-5, 0, 40, 10**9])
def test_a_wrong_length_costs_its_record_alone(archive, length):
    body = http(page("wrong"))
    wrong = record("http://h.example/wrong", body, length=length)
    found = read(archive(b"".join([*RECORDS[:3], wrong, *RECORDS[3:]])))
    fetched = [item for item in found if isinstance(item, Fetched)]
    assert [item.url for item in fetched if item.url != "http://h.example/wrong"] == [f"http://h.example/{n}" for n in range(30)]
    if length == 10**9:
        assert next(item for item in fetched if item.url.endswith("wrong")).missing_bytes > 0
    elif length != 0:
        assert any(isinstance(item, Damaged) for item in found)


@pytest.mark.parametrize("form", ["plain", "by_record", "as_one"])
@pytest.mark.parametrize("swallowed", [1, 2, 3])
def test_a_length_that_reaches_over_whole_records_hides_none_of_them(archive, form, swallowed):
    body = http(page("wrong"))
    pages = RECORDS[2::2]
    length = len(body) + sum(map(len, pages[:swallowed])) + 4 - 4 * (form == "as_one")
    found = read(archive(FORMS[form]([record("http://h.example/wrong", body, length=length), *pages])))
    fetched = [item for item in found if isinstance(item, Fetched)]
    assert fetched[0].body == page("wrong") and fetched[0].missing_bytes > 0
    if form != "as_one":  # what follows in one gzip member cannot be found from anywhere
        assert [item.url for item in fetched[1:]] == [f"http://h.example/{n}" for n in range(30)]


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_whose_lines_end_in_lf_alone_is_refused_with_that_reason(archive, form):
    path = archive(FORMS[form]([one.replace(b"\r\n", b"\n") for one in RECORDS[:4]]))
    with pytest.raises(SourceError, match="end in LF alone"):
        ranges(str(path), 100)


def test_an_archive_that_ends_in_a_record_says_what_is_missing(archive):
    whole = by_record(RECORDS)
    found = read(archive(whole[:-30]))
    assert found[29].missing_bytes > 0
    assert [item.detail for item in found[30:]] == ["the archive ends inside the record that begins here, or its length is wrong"]


def test_a_body_beyond_the_limit_is_cut(archive):
    path = archive(by_record([record("http://h.example/big", http(b"x" * 5000)), RECORDS[2]]))
    first, second = read_range(str(path), Range(0, 1 << 30), 1000)
    assert (len(first.body), first.is_cut, first.missing_bytes) == (1000, True, 0)
    assert second.url == "http://h.example/0"


def test_headers_that_are_missing_or_mad_are_no_error(archive):
    records = [
        record("http://h.example/a", http(b"<p>x"), id=None, WARC_Date=""),
        record("<http://h.example/b>", http(b"<p>x", status="abc"), WARC_Date="yesterday", WARC_Truncated="length"),
        record("", b"no http at all", "response"),
        record("http://h.example/c", b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n<p>x"),
    ]
    found = read(archive(by_record(records)))
    assert found[0].record_id == ""
    assert found[0].fetched_time is None and found[1].fetched_time is None
    assert found[1].url == "http://h.example/b" and found[1].http_status is None and found[1].is_truncated
    assert len(found) == 4


@pytest.mark.parametrize("data", [b"", b"hello world", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_what_is_no_archive_is_an_error_that_says_so(archive, data):
    with pytest.raises(SourceError, match=r"is empty|is no web archive"):
        ranges(str(archive(data)), 100)


def test_an_archive_that_goes_away_while_it_is_read_is_an_error_that_says_so(archive, tmp_path):
    path = archive(b"".join([*RECORDS, b"junk"]))
    reading = read_range(str(path), Range(0, 1 << 30), MOST)
    next(reading)
    path.unlink()
    with pytest.raises(SourceError, match="went away"):
        list(reading)


class Failing:
    """A file that cannot be read beyond a place, so many times."""

    def __init__(self, file, place, times):
        self._file, self._place, self._times = file, place, times

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, count=-1):
        if self._times and self._file.tell() + count > self._place:
            self._times -= 1
            raise OSError("connection reset")
        return self._file.read(count)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("times", [1, 1 << 30])
def test_a_network_that_fails_for_a_moment_is_no_damage_and_the_archive_is_to_be_read_again(archive, form, times, monkeypatch):
    path = archive(FORMS[form](RECORDS))
    (whole,), opened = ranges(str(path), 1 << 30), warc._opened
    assert len(list(read_range(str(path), whole, MOST))) == 30

    def failing(address):
        file = opened(address)
        file._file = Failing(file._file, whole.end // 2, times)
        return file

    monkeypatch.setattr(warc, "_opened", failing)
    with pytest.raises(SourceError, match="cannot be read: connection reset"):
        list(read_range(str(path), whole, MOST))


def test_archives_are_named_by_file_folder_list_and_by_the_user(archive, tmp_path):
    (tmp_path / "day").mkdir()
    one, two = archive(b"x", "day/one.warc.gz"), archive(b"x", "day/two.warc")
    listed = archive(gzip.compress(b"day/one.warc.gz\ns3://bucket/crawl/three.warc.gz\n"), "warc.paths.gz")
    assert parse_archives((str(tmp_path / "day"),)) == [Archive("warc:one.warc.gz", str(one)), Archive("warc:two.warc", str(two))]
    assert parse_archives((f"@{listed}",))[1] == Archive("warc:three.warc.gz", "s3://bucket/crawl/three.warc.gz")
    published = archive(gzip.compress(b"crawl-data/a/three.warc.gz\nmine=crawl-data/b/four.warc.gz\nc/y=1/five.warc.gz\n"), "cc.paths.gz")
    assert parse_archives((f"@{published}@s3://bucket/",)) == [
        Archive("warc:three.warc.gz", "s3://bucket/crawl-data/a/three.warc.gz"),
        Archive("warc:mine", "s3://bucket/crawl-data/b/four.warc.gz"),
        Archive("warc:five.warc.gz", "s3://bucket/c/y=1/five.warc.gz"),
    ]
    elsewhere = archive(b"one.warc.gz\n", "elsewhere.paths")
    assert parse_archives((f"@{elsewhere}@{tmp_path / 'day'}",)) == [Archive("warc:one.warc.gz", str(one))]
    assert parse_archives((f"mine={one}",)) == [Archive("warc:mine", str(one))]
    assert [one.is_named for one in parse_archives((f"mine={one}", str(two), f"day={tmp_path / 'day'}"))] == [True, False, True, True]
    assert parse_archives((f"{tmp_path}/day/../day/two.warc",))[0].address == str(two)
    assert fingerprint(Archive("x", str(one))) == fingerprint(Archive("y", str(one)))
    with pytest.raises(SourceError, match="both called warc:one"):
        parse_archives((str(one), f"one.warc.gz={two}"))
    with pytest.raises(SourceError, match="nothing lies at"):
        parse_archives((str(tmp_path / "gone.warc"),))
    with pytest.raises(SourceError, match="no web archive below"):
        (tmp_path / "empty").mkdir()
        parse_archives((str(tmp_path / "empty"),))
    with pytest.raises(SourceError, match="the list of archives"):
        parse_archives(("@nowhere",))


@pytest.mark.parametrize("form", FORMS)
def test_records_without_an_id_are_told_apart(archive, form):
    records = [record(f"http://h.example/{n}", http(page(f"n {n}")), id=None) for n in range(4)]
    found = read(archive(FORMS[form](records)))
    assert len({(item.offset_bytes, item.ordinal) for item in found}) == 4


def test_a_broken_frame_of_zstd_costs_its_record_alone(archive):
    parts = [by_zstd([one]) for one in RECORDS[1:21]]
    parts[3] = parts[3][: len(parts[3]) // 2]
    found = read(archive(b"".join(parts)))
    urls = [item.url for item in found if isinstance(item, Fetched)]
    assert set(urls) >= {f"http://h.example/{n}" for n in range(10)} - {"http://h.example/1"}


def test_a_record_after_stray_bytes_is_found(archive):
    found = read(archive(RECORDS[2] + b"stray bytes here\r\n" * 20 + RECORDS[4]))
    assert [item.url for item in found if isinstance(item, Fetched)] == ["http://h.example/0", "http://h.example/1"]


def test_a_list_may_name_its_archives(archive, tmp_path):
    one = archive(b"x", "one.warc")
    listed = archive(b"mine=one.warc\nother=s3://bucket/two.warc\n", "list.txt")
    assert parse_archives((f"@{listed}",)) == [Archive("warc:mine", str(one)), Archive("warc:other", "s3://bucket/two.warc")]


@pytest.mark.parametrize("range_bytes", [200, 1 << 30])
@pytest.mark.parametrize("form", [by_record, as_one])
@pytest.mark.parametrize("place", [0, 7, 60])
def test_an_empty_gzip_member_ends_no_archive(archive, form, place, range_bytes):
    parts = [form([one]) for one in RECORDS]
    path = archive(b"".join([*parts[:place], gzip.compress(b""), gzip.compress(b""), *parts[place:], gzip.compress(b"")]))
    assert [item.url for item in read(path, range_bytes)] == [f"http://h.example/{number}" for number in range(30)]


def test_an_empty_member_inside_of_what_is_one_range_ends_it_neither(archive):
    path = archive(as_one(RECORDS[:21]) + gzip.compress(b"") + as_one(RECORDS[21:]))
    assert len(ranges(str(path), 100)) == 1
    assert [item.url for item in read(path)] == [f"http://h.example/{number}" for number in range(30)]


@pytest.mark.parametrize("left", [2, 12, 60])
def test_an_archive_that_ends_in_the_head_of_a_record_says_so(archive, left):
    whole = by_record(RECORDS[:3])
    *found, last = read(archive(whole + by_record(RECORDS[4:5])[:left]), 100)
    assert [item.url for item in found] == ["http://h.example/0"]
    assert (last.offset_bytes, last.detail) == (len(whole), "the archive ends inside the gzip member that begins here")


def test_the_first_segment_of_a_record_is_known_to_be_a_part(archive):
    path = archive(record("http://h.example/s", http(page("part")), WARC_Segment_Number="1") + RECORDS[2])
    assert [item.is_truncated for item in read(path)] == [True, False]


@pytest.mark.parametrize("text", ["one.warc\r\n\r\none.warc\r\n", "\ufeffone.warc", "# archives\n  # of a day\n one.warc \n\t\n"])
def test_a_list_may_have_empty_lines_comments_a_mark_and_any_line_ends(archive, text):
    one = archive(b"x", "one.warc")
    assert parse_archives((f"@{archive(text.encode(), 'list.txt')}",)) == [Archive("warc:one.warc", str(one))]


def test_a_list_that_names_nothing_is_an_error_that_says_so(archive):
    with pytest.raises(SourceError, match="names none"):
        parse_archives((f"@{archive(b'# none', 'list.txt')}",))


def digest_of(block: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(block).digest()).decode()


@pytest.mark.parametrize("form", FORMS)
def test_a_block_that_is_not_what_its_digest_says_is_told_where_nothing_else_guards_it(archive, form):
    block = http(chunked(page("one"), 50), Transfer_Encoding="chunked")
    records = [
        record("http://a.example/", block, WARC_Block_Digest=digest_of(block), WARC_Payload_Digest="sha1:" + "A" * 32),
        record("http://b.example/", block.replace(b"one", b"two"), WARC_Block_Digest=digest_of(block)),
        record("http://c.example/", block),
    ]
    assert [item.has_wrong_digest for item in read(archive(FORMS[form](records)))] == [False, form != "by_record", False]


@pytest.mark.parametrize(
    "said",
    [
        {"WARC_Truncated": "length"},  # by some crawlers' digest of what was sent
        {"WARC_Segment_Number": "1"},
        {"WARC_Block_Digest": "sha1:not-a-digest"},
        {"WARC_Block_Digest": "sha1:" + "a" * 32},  # fastwarc compares capitals alone, and would call a right one wrong
        {"WARC_Block_Digest": "whirlpool:" + "A" * 32},
        {"length": "2000"},  # reaches over the archive's end, or the next record
    ],
)
def test_a_digest_that_cannot_be_compared_accuses_nobody(archive, said):
    block = http(page("one"))
    for after in (b"", record("http://b.example/", block)):
        found = read(archive(record("http://a.example/", block, **{"WARC_Block_Digest": "sha1:" + "A" * 32} | said) + after))
        assert not any(item.has_wrong_digest for item in found if isinstance(item, Fetched))


def test_a_digest_of_a_record_that_is_too_large_is_not_asked_for(archive):
    block = http(b"x" * (MOST + 1))
    found = read(archive(record("http://a.example/", block, WARC_Block_Digest="sha1:" + "A" * 32)))
    assert [(item.is_cut, item.has_wrong_digest) for item in found] == [(True, False)]
