import gzip
import json
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.sources import Facts, SourceError, Unit, fingerprint, list_units, parse_source
from tests.unit.sources.reading import outcome, read_all

_JSON = Path(sysconfig.get_path("stdlib"), "json")
_MAPPING = "?text=content&path=file&repository=project&stars=stargazers"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Real files as rows of two repositories."""
    files = sorted(_JSON.glob("*.py"))
    return [
        {"content": path.read_text(), "file": f"json/{path.name}", "project": f"python/{i % 2}", "stargazers": i}
        for i, path in enumerate(files)
    ]  # fmt: skip


def lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def check(source_text: str, rows: list[dict[str, Any]], budget: int = 30_000) -> None:
    entries, rejects = read_all(parse_source(source_text), budget)
    found = [(entry.repository, entry.path, entry.raw.decode(), entry.facts) for entry in entries]
    assert found == [(row["project"], row["file"], row["content"], Facts(stars=row["stargazers"])) for row in rows]
    assert not rejects


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_json_lines_are_read_with_their_mapping(tmp_path: Path, rows: list[dict[str, Any]], suffix: str) -> None:
    pack = {"jsonl": bytes, "jsonl.gz": gzip.compress, "jsonl.zst": zstd.compress}[suffix]
    (tmp_path / f"files.{suffix}").write_bytes(pack(lines(rows)))
    check(f"{tmp_path}/files.{suffix}{_MAPPING}", rows)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_is_read_with_its_mapping(tmp_path: Path, rows: list[dict[str, Any]], kind: pa.DataType) -> None:
    table = pa.Table.from_pylist(rows)
    table = table.set_column(
        0, "content", table["content"].cast(kind) if not pa.types.is_dictionary(kind) else table["content"].dictionary_encode()
    )
    pq.write_table(table, tmp_path / "files.parquet", row_group_size=2)
    check(f"{tmp_path}/files.parquet{_MAPPING}", rows)
    units = list(list_units(parse_source(f"{tmp_path}/files.parquet{_MAPPING}"), 30_000, 1 << 20))
    assert len(units) > 1


def test_the_stack_is_known(tmp_path: Path) -> None:
    row = {
        "content": "x = 1\n", "max_stars_repo_path": "a/b.py", "max_stars_repo_name": "o/r", "max_stars_count": 5.0,
        "max_stars_repo_licenses": ["MIT", "Apache-2.0"], "max_stars_repo_head_hexsha": "ab12", "max_forks_count": 9,
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row, {**row, "max_stars_count": None}]), tmp_path / "data.parquet")
    [first, second], _ = read_all(parse_source(f"the-stack:{tmp_path}/data.parquet"))
    assert (first.repository, first.path, first.facts) == ("o/r", "a/b.py", Facts(stars=5, licence="MIT, Apache-2.0", commit="ab12"))
    assert second.facts is not None and second.facts.stars is None


def test_a_folder_of_tables_is_one_source(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    (tmp_path / "b").mkdir()
    pq.write_table(pa.Table.from_pylist(rows[:2]), tmp_path / "a.parquet")
    (tmp_path / "b" / "c.jsonl").write_bytes(lines(rows[2:]))
    (tmp_path / "README").write_text("no table")
    check(f"table:{tmp_path}{_MAPPING}", rows)


def test_rows_without_path_and_repository_are_named_by_their_number(tmp_path: Path) -> None:
    (tmp_path / "files.jsonl").write_bytes(lines([{"text": "a"}, {"text": "b"}]))
    entries, _ = read_all(parse_source(f"{tmp_path}/files.jsonl"))
    assert [(entry.repository, entry.path) for entry in entries] == [("table:files.jsonl", "row-0"), ("table:files.jsonl", "row-1")]


def test_bad_lines_are_rejects_with_their_number(tmp_path: Path) -> None:
    good = {"text": "x", "file": "a.py", "stargazers": 1}
    bad: list[bytes] = [
        b"{not json", b"", b"[1]", b'{"text": 7}', b'{"file": "b.py"}', b'{"text": "\xff"}', b'{"text": "\\ud800"}',
        b'{"text": "x", "stargazers": -1}', b'{"text": "x", "stargazers": "many"}', b"[" * 100_000, b'{"text": "x", "file": 5}',
    ]  # fmt: skip
    content = (
        json.dumps(good).encode()
        + b"\n"
        + b"\n".join(bad)
        + b'\n{"text": "x", "file": "../c.py"}\n'
        + json.dumps({**good, "file": "/d.py"}).encode()
    )
    (tmp_path / "files.jsonl").write_bytes(content)
    found = outcome(parse_source(f"{tmp_path}/files.jsonl?path=file&stars=stargazers"))
    expected: dict[str, str | None] = {f"row-{i + 1}": "bad_row" for i in range(len(bad))}
    assert found == {**expected, "a.py": None, f"row-{len(bad) + 1}": "unsafe_path", "d.py": None}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=20), st.integers(1, 200), st.booleans())
def test_however_lines_are_cut_each_comes_out_once(texts: list[str], budget: int, ends_with_line_feed: bool) -> None:
    content = lines([{"text": text} for text in texts])
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(content if ends_with_line_feed else content.removesuffix(b"\n"))
        file.flush()
        source = parse_source(file.name)
        entries, rejects = read_all(source, budget_bytes=1 << 20)
        again = read_all(source, budget)
        units = list(list_units(source, budget, 1 << 20))
    assert [entry.raw.decode() for entry in entries] == texts
    assert [entry.path for entry in entries] == [f"row-{i}" for i in range(len(texts))]
    assert not rejects
    assert again == (entries, rejects)
    assert all(isinstance(unit, Unit) and unit.entry_count for unit in units)


def test_a_long_line_and_a_long_text_are_rejects_and_the_rest_is_read(tmp_path: Path) -> None:
    content = b'{"text": "' + b"x" * 3_000_000 + b'"}\n{"text": "' + b"y" * 2000 + b'"}\n{"text": "ok"}\n'
    (tmp_path / "files.jsonl").write_bytes(content)
    for budget in (1000, 1 << 22):
        entries, rejects = read_all(parse_source(f"{tmp_path}/files.jsonl"), budget, limit_bytes=1000)
        assert [entry.raw for entry in entries] == [b"ok"]
        assert [(reject.locator, reject.reason) for reject in rejects] == [("row-0", "too_large"), ("row-1", "too_large")]


def test_a_truncated_stream_gives_what_came_before(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    packed = gzip.compress(lines(rows))
    (tmp_path / "files.jsonl.gz").write_bytes(packed[:-20])
    entries, [reject] = read_all(parse_source(f"{tmp_path}/files.jsonl.gz{_MAPPING}"))
    assert reject.locator == "" and reject.reason == "truncated"
    assert entries


def test_a_damaged_parquet_is_rows_and_never_an_error(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "files.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[200:400] = b"\xff" * 200
    path.write_bytes(content)
    entries, rejects = read_all(parse_source(f"{path}{_MAPPING}"))
    assert [(reject.locator, reject.reason) for reject in rejects] == [("row-0..1", "corrupt")]
    assert [entry.path for entry in entries] == [row["file"] for row in rows[2:]]
    path.write_bytes(content[:-30])
    assert outcome(parse_source(f"{path}{_MAPPING}")) == {"": "corrupt"}


def varint(number: int) -> bytes:
    """As Thrift's compact protocol writes an integer of 64 bits."""
    number, found = number << 1, b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def test_a_row_group_that_claims_a_million_million_rows_is_one_reject(tmp_path: Path) -> None:
    """The footer is written anew with another count of rows, of the file and of its only row group."""
    path, claimed = tmp_path / "files.parquet", 1_000_000_000_000
    pq.write_table(pa.table({"text": ["a"] * 77_777}), path)
    content = path.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8]
    assert footer.count(varint(77_777)) >= 2
    footer = footer.replace(varint(77_777), varint(claimed))
    path.write_bytes(content[: -8 - size] + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    assert pq.read_metadata(path).row_group(0).num_rows == claimed
    entries, [reject] = read_all(parse_source(str(path)))
    assert (reject.locator, reject.reason) == (f"row-{len(entries)}..{claimed - 1}", "corrupt")


def test_one_long_text_that_all_rows_share_does_not_unfold(tmp_path: Path) -> None:
    """2,000 rows of one text of 2 MB: 4 GB where each row held its own."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["x" * 2_000_000]))
    pq.write_table(pa.table({"text": text}), tmp_path / "files.parquet", store_schema=False)
    before = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(before)  # the peak of this test alone
    pa.set_memory_pool(counted)
    try:
        entries, rejects = read_all(parse_source(f"{tmp_path}/files.parquet"), 1 << 30, limit_bytes=1000)
    finally:
        pa.set_memory_pool(before)
    assert not entries and len(rejects) == 2000
    assert 2_000_000 < counted.max_memory() < 200 << 20


def test_a_column_that_is_missing_is_one_clear_error(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "files.parquet")
    (tmp_path / "files.jsonl").write_bytes(lines(rows))
    for name in ("files.parquet", "files.jsonl"):
        with pytest.raises(SourceError, match=r"no column code.*Found content, file, project, stargazers.*text=code"):
            list(list_units(parse_source(f"{tmp_path}/{name}?text=code"), 1, 1))
    with pytest.raises(SourceError, match="column stargazers is int64"):
        list(list_units(parse_source(f"{tmp_path}/files.parquet?text=stargazers"), 1, 1))


def test_the_fingerprint_follows_file_and_mapping(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "files.jsonl"
    path.write_bytes(lines(rows))
    first = fingerprint(parse_source(f"{path}?text=content"))
    assert fingerprint(parse_source(f"{path}?text=content")) == first
    assert fingerprint(parse_source(f"{path}?text=content&path=file")) != first
    path.write_bytes(lines(rows[1:]))
    assert fingerprint(parse_source(f"{path}?text=content")) != first
