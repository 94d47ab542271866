"""A real history for benchmarks of commits: of a repository that is given, or this project's own, or the patches of a package."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs import sources
from jobs.demo_patches import NoSourcesError, made
from jobs.sources.bundles import commit_ids, open_bundle
from jobs.sources.quarantine import Quarantine

PROJECT = Path(__file__).parents[1]
PATCHES = "patches:"
HELP = f"default: this project's own history; {PATCHES}PACKAGE is the patches of a source package (benchmarks.distribution_patches)"


def add_arguments(parser: argparse.ArgumentParser, commits: int) -> None:
    parser.add_argument("--repository", default=str(PROJECT), metavar="PATH", help=HELP)
    parser.add_argument("--commits", type=int, default=commits, help="the newest so many")


@contextmanager
def bundle_of(repository: str) -> Iterator[tuple[Path, str]]:
    """The bundle that ingest keeps of a repository, and its newest commit."""
    with tempfile.TemporaryDirectory() as folder:
        if repository.startswith(PATCHES):
            repository = patches_of(repository.removeprefix(PATCHES), Path(folder))
        source = sources.parse_source(f"git:{repository}")
        bundle = Path(folder) / "bundle"
        if not sources.keep_history(source, bundle):
            raise SystemExit(f"{repository} has no history that can be read: one commit, or shallow")
        yield bundle, str(sources.facts(source).commit)


def patches_of(package: str, folder: Path) -> str:
    try:
        if not list(made(folder, [package])):
            raise SystemExit(f"the source package {package} cannot be fetched or unpacked here")
    except NoSourcesError as error:
        raise SystemExit(str(error)) from None
    return str(folder / package)


@contextmanager
def history_of(repository: str, commits: int) -> Iterator[tuple[Quarantine, list[str]]]:
    """The unpacked bundle, and the ids of the newest commits, parents first."""
    with bundle_of(repository) as (bundle, tip), open_bundle(bundle) as opened:
        yield opened, list(commit_ids(opened, tip))[-commits:]
