import bz2
import gzip
import io
import lzma
import sysconfig
import tarfile
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.sources import Entry, Reject, SourceError, Unit, fingerprint, list_units, parse_source, read_unit
from jobs.sources.unpacking import ByteStream, Zlib, unpacked
from jobs.sources.zip_directory import directory_entries
from tests.hostile import build_hostile_archives
from tests.unit.sources.reading import outcome, read_all

_JSON = Path(sysconfig.get_path("stdlib"), "json")
_PACK = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd.compress}


def packed(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def library() -> dict[str, bytes]:
    files = {f"json-1.0/{path.name}": path.read_bytes() for path in _JSON.glob("*.py")}
    return {**files, f"json-1.0/{'folder/' * 20}a_path_of_more_than_100_bytes.py": b"print(1)\n"}


@pytest.mark.parametrize("suffix", _PACK)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_of_any_usual_sort_is_read(tmp_path: Path, library: dict[str, bytes], suffix: str, form: int) -> None:
    path = tmp_path / f"json-1.0.tar{suffix}"
    path.write_bytes(_PACK[suffix](packed(library, form)))
    entries, rejects = read_all(parse_source(str(path)))
    assert {entry.path: entry.raw for entry in entries} == library
    assert {entry.repository for entry in entries} == {"archive:json-1.0"}
    assert not rejects


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("suffix", ["zip", "whl"])
def test_a_zip_is_read_in_units(tmp_path: Path, library: dict[str, bytes], method: int, suffix: str) -> None:
    path = tmp_path / f"json-1.0-py3-none-any.{suffix}"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.mkdir("json-1.0")
        for name, content in library.items():
            archive.writestr(name, content)
    source = parse_source(str(path))
    entries, rejects = read_all(source, budget_bytes=10_000)
    assert {entry.path: entry.raw for entry in entries} == library
    assert not rejects
    assert sum(isinstance(item, Unit) for item in list_units(source, 10_000, 1 << 24)) > 2


def test_a_zip_behind_other_bytes_is_read(tmp_path: Path, library: dict[str, bytes]) -> None:
    path = tmp_path / "program.zip"
    path.write_bytes(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in library.items():
            archive.writestr(name, content)
    assert {entry.path: entry.raw for entry in read_all(parse_source(str(path)))[0]} == library


def listed_by_the_standard_library(content: bytes) -> list[tuple[object, ...]]:
    with zipfile.ZipFile(io.BytesIO(content), metadata_encoding="latin-1") as archive:
        rows = [
            (i.create_system, i.flag_bits, i.compress_type, i.CRC, i.compress_size, i.file_size, i.external_attr, i.header_offset)
            for i in archive.infolist()
        ]
        names = [i.orig_filename.encode("utf-8" if i.flag_bits & 0x800 else "latin-1") for i in archive.infolist()]
    return [(name, *row) for name, row in zip(names, rows, strict=True)]


_MEMBERS = st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.binary(max_size=40), st.booleans(), st.booleans())


@settings(max_examples=100, deadline=None)
@given(st.lists(_MEMBERS, max_size=5), st.binary(max_size=60), st.binary(max_size=30))
def test_the_directory_of_a_zip_is_read_as_by_the_standard_library(
    members: list[tuple[str, bytes, bool, bool]], comment: bytes, before: bytes
) -> None:
    buffer = io.BytesIO(before)
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
        warnings.simplefilter("ignore")  # of two members with one name
        archive.comment = comment
        for name, data, is_deflated, is_large in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED if is_deflated else zipfile.ZIP_STORED
            with archive.open(info, "w", force_zip64=is_large) as file:
                file.write(data)
    content = buffer.getvalue()
    assert list(map(tuple, directory_entries(io.BytesIO(content)))) == listed_by_the_standard_library(content)


def test_the_directory_of_a_zip_of_many_members_is_read_as_by_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limits of the old form lowered, the standard library writes zip64 records for what it would otherwise take gigabytes."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 10)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 500)
    for before in (b"", b"#!/bin/sh"):
        buffer = io.BytesIO(before)
        with zipfile.ZipFile(buffer, "a") as archive:
            for number in range(20):
                archive.writestr(f"{number}.py", b"x" * 40 * number)
        content = buffer.getvalue()
        assert b"PK\6\6" in content
        assert list(map(tuple, directory_entries(io.BytesIO(content)))) == listed_by_the_standard_library(content)


def test_a_name_that_is_said_to_be_utf8_and_is_not_costs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("first.py", "na\u00efve.py", "last.py"):
            archive.writestr(name, b"print(1)\n")
    path.write_bytes(path.read_bytes().replace("na\u00efve".encode(), b"na\xff\xfeve"))
    with pytest.raises(UnicodeDecodeError):
        zipfile.ZipFile(path)
    assert outcome(parse_source(str(path))) == {"first.py": None, "na\\xff\\xfeve.py": None, "last.py": None}


def test_a_directory_of_more_entries_than_are_taken_is_left_before_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}.py", b"")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"PK\1\2")] + b"XXXX" + content[content.rindex(b"PK\1\2") + 4 :])
    found = outcome(parse_source(str(path)))
    assert found[""] == "corrupt" and len(found) == 50
    monkeypatch.setattr("jobs.sources.limits.MAX_ENTRIES", 10)
    found = outcome(parse_source(str(path)))
    assert found[""] == "archive_bomb" and len(found) == 11


_LETTERS = st.characters(codec="utf-8", exclude_characters="\0/\\:")
_NAMES = st.text(_LETTERS, min_size=1, max_size=130).filter(lambda name: name not in (".", ".."))
_FILES = st.dictionaries(st.lists(_NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=1200), max_size=5)


@settings(max_examples=60, deadline=None)
@given(_FILES, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_a_tar_is_read_as_the_standard_library_wrote_it(files: dict[str, bytes], form: int) -> None:
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        file.write(packed(files, form))
        file.flush()
        entries, rejects = read_all(parse_source(file.name))
    assert {entry.path: entry.raw for entry in entries} == files
    assert not rejects


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=5000), st.lists(st.integers(1, 700), min_size=1, max_size=30), st.integers(1, 64))
def test_a_byte_stream_gives_what_went_in(content: bytes, takes: list[int], piece: int) -> None:
    stream = ByteStream(iter([content[i : i + piece] for i in range(0, len(content), piece)]))
    got = b""
    for count in takes:
        if len(got) + count > len(content):
            break
        got += stream.take(count)
    assert got == content[: len(got)]
    assert stream.position == len(got)


def test_unpacking_gives_bounded_pieces_of_all_streams_in_a_file() -> None:
    pieces = list(unpacked(io.BytesIO(gzip.compress(bytes(5 << 20)) + gzip.compress(b"second") + b"\0" * 600), "gz"))
    assert b"".join(pieces) == bytes(5 << 20) + b"second"
    assert max(map(len, pieces)) <= 1 << 20


def test_zlib_with_a_small_limit_gives_all_bytes() -> None:
    content = b"abc" * 10_000
    decompressor, data, got = Zlib(31), gzip.compress(content), b""
    while not decompressor.eof:
        out = decompressor.decompress(data, 7)
        assert len(out) <= 7
        got, data = got + out, b""
    assert got == content


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, str | None]]]:
    root = tmp_path_factory.mktemp("archives")
    return root, build_hostile_archives(root)


@pytest.mark.parametrize(
    "name", ["tricks.tar", "tricks.zip", "truncated.tar.gz", "truncated.zip", "corrupt.tar", "corrupt.zip", "no_archive.tar"]
)
def test_every_hostile_member_becomes_what_it_must(hostile: tuple[Path, dict[str, dict[str, str | None]]], name: str) -> None:
    root, expected = hostile
    assert outcome(parse_source(str(root / name))) == expected[name]


@pytest.mark.parametrize("name", ["bomb.tar.gz", "bomb.zip"])
def test_a_bomb_ends_at_the_limit_and_says_so(hostile: tuple[Path, dict[str, dict[str, str | None]]], name: str) -> None:
    source, size, rejects = parse_source(str(hostile[0] / name)), 0, []
    for item in list_units(source, 1 << 24, 1 << 24):
        for read in read_unit(item, 1 << 24) if isinstance(item, Unit) else [item]:
            if isinstance(read, Entry):
                size += len(read.raw)
            else:
                rejects.append(read)
    assert [(reject.locator, reject.reason) for reject in rejects] == [("", "archive_bomb")]
    assert size <= 256 << 20


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["tar", "tar.gz", "tar.zst", "zip"]), st.data())
def test_a_damaged_archive_gives_rows_and_never_an_error(kind: str, data: st.DataObject) -> None:
    files = {f"f{i}.py": b"print(%d)\n" % i * 50 for i in range(4)}
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        content = bytearray(buffer.getvalue())
    else:
        content = bytearray(_PACK[kind.removeprefix("tar")](packed(files)))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.integers(1, len(content)))]
    with tempfile.NamedTemporaryFile(suffix=f".{kind}") as file:
        file.write(content)
        file.flush()
        found = outcome(parse_source(file.name))
    assert "" in found or len(found) == len(files)


def test_a_member_above_the_limit_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(packed({"large": bytes(2000), "small": b"x"}))
    entries, [reject] = read_all(parse_source(str(tmp_path / "a.tar")), limit_bytes=1999)
    assert [entry.path for entry in entries] == ["small"]
    assert (reject.locator, reject.reason, reject.size_bytes) == ("large", "too_large", 2000)


def test_a_header_that_asks_for_gigabytes_of_name_is_corrupt(tmp_path: Path) -> None:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    (tmp_path / "a.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + b"x" * 5000)
    assert outcome(parse_source(str(tmp_path / "a.tar"))) == {"": "corrupt"}


def test_a_sparse_member_is_recognised_and_the_next_one_read(tmp_path: Path) -> None:
    member = tarfile.TarInfo("sparse")
    member.pax_headers, member.size = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, 3
    block = member.tobuf(tarfile.PAX_FORMAT) + b"abc".ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(block + packed({"next": b"x"}))
    assert outcome(parse_source(str(tmp_path / "a.tar"))) == {"sparse": "unsupported", "next": None}


def test_a_sparse_member_of_the_old_form_is_recognised_with_its_map(tmp_path: Path) -> None:
    member = tarfile.TarInfo("sparse")
    member.type, member.size = tarfile.GNUTYPE_SPARSE, 3
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # the map goes on in the next block
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * ord(" "))
    (tmp_path / "a.tar").write_bytes(header + bytes(512) + b"abc".ljust(512, b"\0") + packed({"next": b"x"}))
    assert outcome(parse_source(str(tmp_path / "a.tar"))) == {"sparse": "unsupported", "next": None}


def test_a_tar_without_its_end_mark_is_read_and_called_truncated(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(packed({"first": b"x"})[:1024])
    assert outcome(parse_source(str(tmp_path / "a.tar"))) == {"first": None, "": "truncated"}


def test_an_xz_header_cannot_ask_for_more_memory_than_the_limit(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29, "preset": 0}]
    (tmp_path / "a.tar.xz").write_bytes(lzma.compress(packed({"a": b"x"}), filters=filters))
    [reject] = read_all(parse_source(str(tmp_path / "a.tar.xz")))[1]
    assert reject.reason == "corrupt" and "emory" in reject.detail


def test_the_fingerprint_follows_the_file_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(packed({"a": b"x"}))
    source = parse_source(str(path))
    first = fingerprint(source)
    assert fingerprint(source) == first
    path.write_bytes(packed({"a": b"y"}))
    assert fingerprint(source) != first
    path.unlink()
    with pytest.raises(SourceError, match="cannot be opened"):
        fingerprint(source)


def test_what_can_be_said_of_a_tar_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(packed({"a": b"x"}))
    [unit] = list_units(parse_source(str(tmp_path / "a.tar")), 1, 1)
    assert isinstance(unit, Unit) and not isinstance(unit, Reject)
    assert (unit.entry_count, unit.size_bytes) == (0, 10240)
