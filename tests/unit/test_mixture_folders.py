"""Where the shards of a mixture lie, by its name alone; and what earlier versions left."""

from pathlib import Path

import pytest

from jobs.commands.vacuum import folders_of_mixture
from jobs.mix.mixtures import mixtures_there, shards_folder, shards_of
from jobs.runtime.errors import CodemillError
from schemas.lake import Lake
from udfs.manifest import Manifest
from udfs.shards import write_manifest


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    found = Lake.at(str(tmp_path / "lake"))
    found.create()
    return found


def shards(lake: Lake, folder: str, mixture: str) -> None:
    write_manifest(lake.path(folder), Manifest(mixture, "p" * 64, 3, 300, "<|endoftext|>", "0" * 64, {}), "{}")


def test_no_two_mixtures_share_a_folder_whatever_profile_they_are_asked_for_with() -> None:
    asked = [("", "demo"), ("demo", "paper"), ("", "paper"), ("paper", "demo"), ("long", "demo"), ("long", "paper")]
    folders = [shards_folder(mixture, profile) for mixture, profile in asked]
    assert folders == ["mix/shards"] * 2 + ["mix/shards-paper"] * 2 + ["mix/shards-long"] * 2


def test_without_a_name_the_shards_are_those_of_the_default_profile_or_the_only_ones(lake: Lake) -> None:
    assert shards_of(lake, "") == "mix/shards"
    shards(lake, "mix/shards-paper", "paper")
    assert shards_of(lake, "") == shards_of(lake, "paper") == "mix/shards-paper"
    shards(lake, "mix/shards-long", "long")
    with pytest.raises(CodemillError, match=r"has no mix/shards; it has the shards of: long, paper\. Name one with --mixture"):
        shards_of(lake, "")
    shards(lake, "mix/shards", "demo")
    assert shards_of(lake, "") == "mix/shards"


def test_shards_of_another_profile_that_an_earlier_version_wrote_to_mix_shards_count_until_it_has_its_own(lake: Lake) -> None:
    shards(lake, "mix/shards", "paper")
    assert mixtures_there(lake) == {"paper": "mix/shards"}
    shards(lake, "mix/shards-paper", "paper")
    assert mixtures_there(lake) == {"paper": "mix/shards-paper"}


def test_vacuum_of_a_mixture_takes_unfinished_shards_and_never_another_mixtures(lake: Lake) -> None:
    shards(lake, "mix/shards", "paper")
    Path(lake.path("mix/exports-paper/flat")).mkdir(parents=True)
    assert folders_of_mixture(lake, "paper") == ["mix/shards"]
    shards(lake, "mix/shards-paper", "paper")
    assert folders_of_mixture(lake, "paper") == ["mix/shards-paper", "mix/exports-paper"]
    with pytest.raises(CodemillError, match="has no mixture 'demo'; it has: paper"):
        folders_of_mixture(lake, "demo")
