import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.sources import Facts, Reject, Source, SourceError, facts, keep_history, parse_source, read_manifest


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One of each: a folder, a git repository in two forms, an archive, tables, and names that look like syntax."""
    for folder in ("code", "work/.git", "bare.git/objects", "bare.git/refs", "odd", "odd@name", "a=b"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bare.git" / "HEAD").write_text("ref: refs/heads/main\n")
    for name in ("x-1.2.tar.gz", "x-1.2-py3-none-any.whl", "files.parquet", "files.jsonl.zst", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind", "repository", "ref"),
    [
        ("code", "folder", "folder:code", None),
        ("work", "git", "git:work", None),
        ("work/.git", "folder", "folder:.git", None),
        ("bare.git", "git", "git:bare", None),
        ("folder:work", "folder", "folder:work", None),
        ("git:work@v1.0", "git", "git:work", "v1.0"),
        ("git:work@a@b", "git", "git:work", "a@b"),
        ("git:odd@name@main", "git", "git:odd@name", "main"),
        ("git:odd@name", "git", "git:odd@name", None),
        ("x-1.2.tar.gz", "archive", "archive:x-1.2", None),
        ("x-1.2-py3-none-any.whl", "archive", "archive:x-1.2-py3-none-any", None),
        ("archive:notes.txt", "archive", "archive:notes.txt", None),
        ("files.parquet", "table", "", None),
        ("files.jsonl.zst", "table", "", None),
        ("python/cpython=code", "folder", "python/cpython", None),
        ("python/cpython=git:work@main", "git", "python/cpython", "main"),
        ("a=b", "folder", "folder:a=b", None),
    ],
)
def test_a_source_is_what_it_says_or_what_lies_there(places: Path, text: str, kind: str, repository: str, ref: str | None) -> None:
    source = parse_source(text)
    assert (source.kind, source.repository, source.ref) == (kind, repository, ref)
    assert os.path.isabs(source.location) and os.path.exists(source.location)


def test_the_present_folder_has_a_name(places: Path) -> None:
    assert parse_source(".").repository == f"folder:{places.name}"


def test_a_table_maps_our_columns_to_theirs(places: Path) -> None:
    assert parse_source("files.parquet").mapping == (("text", "text"),)
    assert dict(parse_source("table:files.parquet?text=content&path=file").mapping) == {"text": "content", "path": "file"}
    stack = dict(parse_source("the-stack:files.parquet?forks=max_forks_count&licence=").mapping)
    assert (stack["text"], stack["forks"]) == ("content", "max_forks_count")
    assert "licence" not in stack


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nowhere", "Nothing lies at 'nowhere'"),
        ("", "Nothing lies at ''"),
        ("git:nowhere@main", "Nothing lies at 'nowhere'"),
        ("notes.txt", "unknown sort.*archive:"),
        ("files.parquet?txt=a", "unknown columns txt.*text, path"),
        ("=code", "cannot name a repository"),
        ("/etc/x=code", "cannot name a repository"),
        ("a\nb=code", "cannot name a repository"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_one_clear_error(places: Path, text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        parse_source(text)


def test_a_name_that_is_not_utf8_becomes_text(tmp_path: Path) -> None:
    place = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(place)
    source = parse_source(os.fsdecode(place))
    assert source.repository == "folder:caf\\xe9"
    assert Source.from_json(source.to_json()) == source


_MAPPINGS = st.lists(st.tuples(st.text(), st.text())).map(tuple)
_COUNT = st.none() | st.integers(0, 1 << 40)
_FACTS = st.builds(Facts, _COUNT, _COUNT, _COUNT, _COUNT, st.none() | st.text(), st.none() | st.text())


@given(
    st.builds(Source, st.text(), st.text(), st.text(), st.none() | st.text(), st.lists(st.tuples(st.text(), st.text())).map(tuple), _FACTS)
)
def test_a_source_survives_its_json(source: Source) -> None:
    assert Source.from_json(source.to_json()) == source
    json.loads(source.to_json())


def test_only_git_has_history(places: Path) -> None:
    source = parse_source("code")
    assert facts(source) == Facts()
    assert not keep_history(source, places / "history.bundle")


def manifest(folder: Path, *rows: Any) -> list[Source | Reject]:
    path = folder / "sources.jsonl"
    path.write_bytes(b"".join((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows))
    return list(read_manifest(path))


def test_a_manifest_names_sources_with_their_facts(places: Path) -> None:
    with zipfile.ZipFile(places / "x.zip", "w"):
        pass
    row = {
        "repository": "curl/curl", "kind": "git", "path": "work", "ref": "main", "stars": 3, "forks": 2,
        "first_activity": "2020-01-01", "last_activity": "2020-01-31T12:00:00Z", "licence": "curl",
    }  # fmt: skip
    rest = [
        {"path": "x.zip", "stars": None},
        {"path": "files.parquet", "kind": "the-stack"},
        {"path": "files.parquet", "mapping": {"text": "content"}},
    ]
    first, second, third, fourth = manifest(places, row, *rest)
    expected = Facts(stars=3, forks=2, maintained_days=30, licence="curl")
    assert first == Source("git", "curl/curl", str(places / "work"), "main", facts=expected)
    assert isinstance(second, Source) and (second.repository, second.facts) == ("archive:x", Facts())
    assert isinstance(third, Source) and dict(third.mapping)["path"] == "max_stars_repo_path"
    assert isinstance(fourth, Source) and fourth.mapping == (("text", "content"),)


@pytest.mark.parametrize(
    ("row", "reason", "words"),
    [
        (b"{", "bad_row", "Expecting"),
        (b"\xff\xfe{", "bad_row", ""),
        (b"[" * 100_000, "bad_row", ""),
        (b'{"path": "' + b"x" * (1 << 20) + b'"}', "bad_row", "longer than"),
        ([], "bad_row", "expected a JSON object, found list"),
        ({"stars": 1}, "bad_row", "path is missing"),
        ({"path": "code", "star": 1, "likes": 2}, "bad_row", "unknown key 'star'; unknown key 'likes'"),
        ({"path": "code", "stars": -1, "forks": True, "licence": 5}, "bad_row", "licence is no text; stars is no count; forks is no count"),
        ({"path": "code", "mapping": {"text": 5}}, "bad_row", "mapping is no object of texts"),
        ({"path": "code", "mapping": {"text": "a"}}, "bad_row", "no columns to map"),
        ({"path": "code", "ref": "main"}, "bad_row", "Only git repositories have"),
        ({"path": "code", "kind": "svn"}, "bad_row", "unknown kind 'svn'"),
        ({"path": "code", "first_activity": "long ago"}, "bad_row", "long ago"),
        ({"path": "code", "first_activity": "2021-01-01", "last_activity": "2020-01-01"}, "bad_row", "is before"),
        ({"path": "nowhere"}, "missing", "'nowhere'"),
        ({"path": "a\0b"}, "bad_row", "NUL"),
        ({"path": "x" * 5000}, "missing", ""),
        ({"repository": "first", "path": "code"}, "duplicate_repository", "named by a line before"),
    ],
)
def test_a_bad_line_is_a_reject_and_the_rest_goes_on(places: Path, row: Any, reason: str, words: str) -> None:
    first, bad, last = manifest(places, {"repository": "first", "path": "code"}, row, {"path": "bare.git"})
    assert isinstance(first, Source) and isinstance(last, Source)
    assert isinstance(bad, Reject)
    assert (bad.source, bad.locator, bad.reason) == ("manifest:sources.jsonl", "line-2", reason)
    assert words in bad.detail
    assert str(places) not in bad.detail


def test_a_manifest_that_is_missing_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        list(read_manifest(tmp_path / "nowhere.jsonl"))
