"""The probe's phases train on the mixtures that the job is told of."""

from pathlib import Path

from jobs.mix.mixtures import shards_folder
from jobs.train.probe import ProbeJobParams, arguments, local_folders
from schemas.lake import Lake
from training.__main__ import _parser
from training.plans import plan_named, with_values


def test_the_second_phase_trains_on_the_mixture_that_is_named_for_it(tmp_path: Path) -> None:
    lake = Lake.at(str(tmp_path))
    for params, first, second in (
        (ProbeJobParams(), "mix/shards", None),
        (ProbeJobParams(profile="demo", mixture="demo"), "mix/shards", None),
        (ProbeJobParams(mixture="long"), "mix/shards-long", None),
        (ProbeJobParams(continued_mixture="long"), "mix/shards", "mix/shards-long"),
        (ProbeJobParams(mixture="long", continued_mixture="demo"), "mix/shards-long", "mix/shards"),
    ):
        with local_folders(lake, *params.folders) as (shards, continued, out):
            chosen = _parser().parse_args(arguments(params, shards, continued, out))
        plan = with_values(plan_named(chosen.plan), chosen.set)
        assert chosen.shards == lake.path(first)
        assert [phase.shards for phase in plan.phases] == [None, second and lake.path(second)]


def test_a_mixture_has_the_folder_that_its_shards_are_written_to() -> None:
    assert (shards_folder("", "demo"), shards_folder("demo", "demo"), shards_folder("long", "demo")) == (
        "mix/shards",
        "mix/shards",
        "mix/shards-long",
    )
