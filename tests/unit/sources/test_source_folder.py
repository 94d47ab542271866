import os
import shutil
import sysconfig
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.sources import Entry, Reject, SourceError, Unit, fingerprint, list_units, parse_source, read_unit
from jobs.sources.folder import _all_bytes
from tests.hostile import build_hostile_folder
from tests.unit.sources.reading import outcome, read_all


def test_a_real_folder_comes_out_as_it_lies() -> None:
    root = Path(sysconfig.get_path("stdlib"), "email")
    entries, rejects = read_all(parse_source(f"folder:{root}"))
    expected = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_symlink()}
    assert {entry.path: entry.raw for entry in entries} == expected
    assert not rejects
    assert {entry.repository for entry in entries} == {"folder:email"}


def test_every_hostile_entry_becomes_what_it_must(tmp_path: Path) -> None:
    expected = build_hostile_folder(tmp_path / "hostile", long_line_bytes=20_000_000)
    found = outcome(parse_source(f"folder:{tmp_path / 'hostile'}"))
    too_deep = [path for path, reason in found.items() if reason == "path_too_long"]
    assert len(too_deep) == 1 and too_deep[0].startswith("deep/dd")
    del found[too_deep[0]]
    assert found == expected


def test_entries_come_in_the_order_of_their_bytes_and_units_keep_it(tmp_path: Path) -> None:
    for name in ("b/z", "b.c", "b-a", "a", "B", "b/a/x", "é"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    entries, _ = read_all(parse_source(f"folder:{tmp_path}"), budget_bytes=1)
    paths = [entry.path for entry in entries]
    assert paths == sorted(paths, key=str.encode)
    assert len(paths) == 7


_NAMES = st.text("ab.\\é\n ", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(_NAMES, st.binary(max_size=3000), max_size=8), st.integers(1, 20_000))
def test_whatever_the_names_and_the_budget_every_file_comes_out_once(files: dict[str, bytes], budget: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        entries, rejects = read_all(parse_source(f"folder:{folder}"), budget)
    assert {entry.path: entry.raw for entry in entries} == files
    assert not rejects


def test_what_lies_under_git_is_no_entry(tmp_path: Path) -> None:
    (tmp_path / "sub" / ".git").mkdir(parents=True)
    (tmp_path / "sub" / ".git" / "config").write_text("x")
    (tmp_path / "sub" / ".gitignore").write_text("x")
    assert outcome(parse_source(f"folder:{tmp_path}")) == {"sub/.gitignore": None}


def _listed(root: Path) -> Unit:
    [unit] = list_units(parse_source(f"folder:{root}"), 1 << 20, 1000)
    assert isinstance(unit, Unit)
    return unit


def _read_after(root: Path, change: object) -> Entry | Reject:
    (root / "a.py").write_text("print(1)\n")
    unit = _listed(root)
    assert callable(change)
    change(root / "a.py")
    [item] = read_unit(unit, 1000)
    return item


def _replace_by_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _grow(path: Path) -> None:
    path.write_bytes(b"x" * 1001)


_CHANGES = [(Path.unlink, "missing"), (_replace_by_link, "symlink"), (_replace_by_pipe, "special_file"), (_grow, "too_large")]


@pytest.mark.parametrize(("change", "reason"), _CHANGES)
def test_a_file_that_changes_after_the_listing_is_a_reject(tmp_path: Path, change: object, reason: str) -> None:
    item = _read_after(tmp_path, change)
    assert isinstance(item, Reject) and item.reason == reason


def test_a_file_that_grew_within_the_limit_is_read_as_it_is_now(tmp_path: Path) -> None:
    item = _read_after(tmp_path, lambda path: path.write_bytes(b"x" * 1000))
    assert isinstance(item, Entry) and item.raw == b"x" * 1000


def test_a_file_that_states_no_size_is_read_to_its_end_or_to_the_limit() -> None:
    for limit in (10, 1000):
        reading, writing = os.pipe()
        os.write(writing, b"x" * 500)
        os.close(writing)
        assert len(_all_bytes(reading, 0, limit)) == min(limit + 1, 500)
        os.close(reading)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_the_system_refuses_is_a_reject() -> None:
    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o755)
        for name in ("closed.py", "open.py"):
            (root / name).write_text("x")
        (root / "closed").mkdir()
        for name in ("closed.py", "closed"):
            (root / name).chmod(0)
        os.seteuid(65534)
        try:
            found = outcome(parse_source(f"folder:{root}"))
        finally:
            os.seteuid(0)
    finally:
        shutil.rmtree(root)
    assert found == {"open.py": None, "closed.py": "unreadable", "closed/": "unreadable"}


def test_the_fingerprint_changes_with_any_file_even_when_its_time_is_set_back(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("one")
    source = parse_source(f"folder:{tmp_path}")
    first = fingerprint(source)
    assert fingerprint(source) == first
    times = file.stat()
    file.write_text("two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = fingerprint(source)
    (tmp_path / "b.py").write_text("")
    assert len({first, second, fingerprint(source)}) == 3


def test_many_files_need_little_memory_for_their_listing(tmp_path: Path) -> None:
    for number in range(1500):
        (tmp_path / f"a_rather_long_file_name_{number:06}.py").touch()
    units = [unit for unit in list_units(parse_source(f"folder:{tmp_path}"), 1 << 20, 1000) if isinstance(unit, Unit)]
    assert sum(unit.entry_count for unit in units) == 1500
    assert len(units) > 2  # empty files fill a unit too
    assert sum(len(unit.payload) for unit in units) < 1500 * 10


def test_a_folder_that_is_gone_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    source = parse_source(f"folder:{tmp_path / 'gone'}")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SourceError, match="is no folder"):
        list(list_units(source, 1, 1))
