"""The shards of a mixture hold what its manifest counted, or they are not finished."""

import pytest

from jobs.mix.shards import check_totals
from jobs.runtime.errors import CountsError
from udfs.manifest import LanguageCounts, Shard, Split


def split(tokens: int, text_bytes: int) -> Split:
    shards = (Shard("train-00000.parquet", "0", 2, 60, 200), Shard("train-00001.parquet", "1", 1, 40, 100))
    languages = {"C": LanguageCounts(1, 30, 100), "Python": LanguageCounts(2, tokens - 30, text_bytes - 100)}
    return Split(shards, languages, {"file": LanguageCounts(3, tokens, text_bytes)})


def test_what_was_counted_passes() -> None:
    check_totals("demo", {"train": split(100, 300)}, 40, 40)


@pytest.mark.parametrize(
    ("tokens", "text_bytes", "longest", "told"),
    [
        (99, 300, 40, r"train: 100 tokens lie in the shards, 99 were counted"),
        (100, 301, 40, r"train: 300 text_bytes lie in the shards, 301 were counted"),
        (100, 300, 41, r"a sequence has 41 tokens, the window is 40"),
    ],
)
def test_what_was_not_counted_is_told(tokens: int, text_bytes: int, longest: int, told: str) -> None:
    with pytest.raises(CountsError, match=told) as found:
        check_totals("demo", {"train": split(tokens, text_bytes)}, longest, 40)
    assert len(str(found.value).splitlines()) == 2
