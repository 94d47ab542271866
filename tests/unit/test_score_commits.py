"""Commits of scores: what others add meanwhile is never doubled, each file is looked at once, and an error loses nothing."""

import hashlib
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_scoring.commits import Commits
from gpu_scoring.keys import Keys
from gpu_scoring.pending import Scored
from gpu_scoring.worker import key_range
from schemas.annotate import SCORES
from schemas.delta_files import DataFile, add_rows
from schemas.lake import PENDING_SCORES, Lake, LakeError

VERSION = "0123456789abcdef"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake.at(str(tmp_path / "lake"))
    found.create()
    return found


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def keys_of(numbers: range) -> Keys:
    return Keys([pa.array([key(number) for number in numbers], pa.string())])


def rows(numbers: range, percent: int = 50) -> list[Scored]:
    return [Scored(key(number), percent, 7, False) for number in numbers]


def commits(lake: Lake, keys: Keys, most_rows: int = 10, version: str = VERSION) -> Commits:
    return Commits(lake, version, keys, None, most_rows, 1e9)


def waiting(lake: Lake) -> list[str]:
    return sorted(path.name for path in Path(lake.root, PENDING_SCORES, VERSION).glob("*.json") if "torn" not in path.name)


def held(lake: Lake, version: str = VERSION) -> list[str]:
    return sorted(row["content_sha256"] for row in lake.read(SCORES).to_pylist() if row["version"] == version)


def test_rows_come_in_once_however_often_they_are_given(lake: Lake) -> None:
    with commits(lake, keys_of(range(100))) as one:
        for start in range(0, 100, 8):
            one.add(rows(range(start, min(100, start + 8))))
    with commits(lake, keys_of(range(100))) as again:
        again.add(rows(range(50)))
    assert held(lake) == sorted(key(number) for number in range(100))
    assert (one.written, again.written) == (100, 0)


def test_what_another_adds_meanwhile_is_not_added_again_and_closes_its_keys(lake: Lake) -> None:
    mine, theirs = keys_of(range(100)), keys_of(range(100))
    with commits(lake, mine, 10) as one, commits(lake, theirs, 10) as other:
        one.add(rows(range(10)))
        one._settle()
        other.add(rows(range(5, 15), 99))
        other._settle()
        assert other.written == 5
        one.add(rows(range(10, 20)))
        one._settle()
        assert mine.are_open(pa.array([key(12), key(17), key(30)])).tolist() == [False, False, True]
        assert theirs.open_count == 85
    assert (one.written, other.written) == (15, 5)
    assert held(lake) == sorted(key(number) for number in range(20))


def test_what_waited_when_a_worker_was_killed_is_taken_up_by_the_next_and_nothing_is_doubled(lake: Lake) -> None:
    with commits(lake, keys_of(range(100)), 1000) as done:
        done.add(rows(range(10)))
    killed = commits(lake, keys_of(range(100)), 1000)  # never left
    for start in range(5, 50, 5):
        killed.add(rows(range(start, start + 5)))
    killed._pending.settle()
    assert len(held(lake)) == 10 and len(waiting(lake)) == 9
    torn = Path(lake.root, PENDING_SCORES, VERSION, "00000000-ffffffff-torn.json")
    torn.write_text('[["0123')
    commits(lake, keys_of(range(100)), version="f" * 16).take_up()
    assert len(held(lake)) == 10
    keys = keys_of(range(45))  # five have gone from what passes the gates
    with commits(lake, keys) as next_one:
        next_one.take_up()
        assert keys.open_count == 0 and next_one.written == 35
    assert held(lake) == sorted(key(number) for number in range(45))
    assert len(waiting(lake)) == 1 and torn.exists()  # five that pass another profile's gates, and what somebody may be writing
    os.utime(torn, (0, 0))
    with commits(lake, keys_of(range(1000, 1005))) as of_others:
        of_others.take_up()
    assert len(waiting(lake)) == 1 and not torn.exists()
    killed.__exit__()  # it still ran, and most of its files are gone
    assert held(lake) == sorted(key(number) for number in range(50)) and killed.written == 5 and not waiting(lake)


def test_of_a_file_over_two_ranges_each_takes_its_own_and_nothing_stays(lake: Lake) -> None:
    names = sorted(key(number) for number in range(20))
    killed = commits(lake, keys_of(range(20)), 1000)
    killed.add([Scored(name, 50, 7, False) for name in names])
    killed._pending.settle()
    before = waiting(lake)
    with Commits(lake, VERSION, Keys([pa.array(names)]), None, 10, 1e9, ("g0", "h")) as other:
        other.take_up()
    assert waiting(lake) == before and not held(lake)
    for ends, of, there in ((("", names[12]), names[:12], 12), ((names[12], "g"), names[12:], 20)):
        with Commits(lake, VERSION, Keys([pa.array(of)]), None, 10, 1e9, ends) as one:
            one.take_up()
        assert len(held(lake)) == there and len(waiting(lake)) == (there == 12)


def test_a_batch_whose_neighbour_cannot_be_written_is_committed(lake: Lake) -> None:
    one = commits(lake, keys_of(range(100)), 1000)
    with pytest.raises(OSError), one:
        one.add(rows(range(5)))
        one._pending.settle()
        shutil.rmtree(Path(lake.root, PENDING_SCORES))
        Path(lake.root, PENDING_SCORES).write_text("no folder")
        one.add(rows(range(5, 10)))
        one.add(rows(range(10, 15)))
    assert held(lake) == sorted(key(number) for number in range(15))


def test_many_that_race_double_nothing_and_count_what_they_added(lake: Lake) -> None:
    def race(worker: int) -> int:
        with commits(lake, keys_of(range(120)), 10) as one:
            for start in range(0, 120, 5):
                one.add(rows(range(start, start + 5), worker))
        return one.written

    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(race, range(4)))
    assert held(lake) == sorted(key(number) for number in range(120))
    assert sum(written) == 120
    assert {path.name for path in Path(lake.path(SCORES.name)).glob("*.parquet")} == set(lake.file_names(SCORES))


def test_scores_of_another_model_stand_beside(lake: Lake) -> None:
    with commits(lake, keys_of(range(20)), 5) as one, commits(lake, keys_of(range(20)), 5, "f" * 16) as other:
        one.add(rows(range(20)))
        one._settle()
        other.add(rows(range(20)))
    assert held(lake) == held(lake, "f" * 16) == sorted(key(number) for number in range(20))


def test_each_file_of_others_is_read_once(lake: Lake, monkeypatch) -> None:
    read: list[str] = []
    read_table = pq.read_table

    def counting(path, *arguments, **options):
        read.append(str(path))
        return read_table(path, *arguments, **options)

    with commits(lake, keys_of(range(0, 300)), 10) as one, commits(lake, keys_of(range(300, 600)), 10) as other:
        monkeypatch.setattr(pq, "read_table", counting)
        for start in range(0, 300, 10):
            one.add(rows(range(start, start + 10)))
            one._settle()
            other.add(rows(range(300 + start, 310 + start)))
            other._settle()
    assert len(read) == len(set(read)) == 59  # all of the other's but its last, from each side


def test_files_of_other_ranges_and_other_models_are_not_read(lake: Lake, monkeypatch) -> None:
    ranges = [key_range(share, 3) for share in range(3)]
    keys = [[key(number) for number in range(300) if low <= key(number) < high] for low, high in ranges]
    read: list[str] = []
    read_table = pq.read_table
    monkeypatch.setattr(pq, "read_table", lambda path, *arguments, **options: read.append(path) or read_table(path, *arguments, **options))
    workers = [Commits(lake, VERSION, Keys([pa.array(of)]), None, 10, 1e9, ends) for of, ends in zip(keys, ranges, strict=True)]
    other = Commits(lake, "f" * 16, Keys([pa.array(keys[1])]), None, 10, 1e9, ranges[1])
    with workers[0] as first, workers[1] as second, workers[2] as third, other:
        for start in range(0, min(map(len, keys)), 10):
            for one, of in ((first, keys[0]), (second, keys[1]), (third, keys[2]), (other, keys[1])):
                one.add([Scored(key, 50, 7, False) for key in of[start : start + 10]])
                one._settle()
        assert not read
        with Commits(lake, VERSION, Keys([pa.array(keys[1])]), None, 10, 1e9, ranges[1]) as again:
            again.add([Scored(keys[1][0], 50, 7, False)])
        assert again.written == 0 and len(read) == second.written / 10


files = st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), min_size=1, max_size=5)


@given(files, st.integers(1, 40), st.data())
def test_a_file_that_holds_a_key_of_the_range_is_never_passed_over(names: list[str], shares: int, data) -> None:
    ends = key_range(data.draw(st.integers(0, shares - 1)), shares)
    one = Commits(Lake("/nowhere"), VERSION, Keys([]), None, 1, 1, ends)
    bounds = {"content_sha256": (min(names), max(names)), "version": (data.draw(st.sampled_from([VERSION, "0"])), VERSION)}
    found = one._may_hold(DataFile("f", len(names), 1, bounds=bounds).statistics)
    assert found == (min(names) < ends[1] and max(names) >= ends[0]) and found >= any(ends[0] <= name < ends[1] for name in names)
    assert one._may_hold(None) and one._may_hold('{"numRecords": 3}')
    assert not one._may_hold(DataFile("f", 1, 1, bounds={"version": ("a", "b")}).statistics)


@pytest.mark.parametrize("error", [LakeError("the store is gone"), KeyboardInterrupt(), SystemExit(143)])
def test_what_is_held_is_committed_where_an_error_passes_through(lake: Lake, error: BaseException) -> None:
    with pytest.raises(type(error)), commits(lake, keys_of(range(10)), 1000) as one:
        one.add(rows(range(7)))
        raise error
    assert held(lake) == sorted(key(number) for number in range(7)) and one.written == 7


def test_a_commit_that_fails_once_is_an_error_and_what_it_held_is_tried_again(lake: Lake, monkeypatch) -> None:
    failed = []

    def once(*arguments: object) -> None:
        if not failed:
            failed.append(True)
            raise OSError("the store is gone")
        add_rows(*arguments)

    monkeypatch.setattr("gpu_scoring.commits.add_rows", once)
    with pytest.raises(OSError, match="gone"), commits(lake, keys_of(range(20)), 5) as one:
        one.add(rows(range(5)))
        one.add(rows(range(5, 10)))
    assert held(lake) == sorted(key(number) for number in range(10)) and one.written == 10


def test_a_commit_that_fails_is_an_error_at_the_next(lake: Lake, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("gpu_scoring.commits.add_rows", full)
    with pytest.raises(OSError, match="full"), commits(lake, keys_of(range(20)), 5) as one:
        one.add(rows(range(5)))
        one.add(rows(range(5, 10)))
        one.add(rows(range(10, 15)))
    assert one.written == 0
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name and thread.is_alive()]
