"""A real history for benchmarks of commits: of a repository that is given, or this project's own."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs import sources
from jobs.sources.history import commit_ids, open_bundle
from jobs.sources.quarantine import Quarantine

PROJECT = Path(__file__).parents[1]


def add_arguments(parser: argparse.ArgumentParser, commits: int) -> None:
    parser.add_argument("--repository", default=str(PROJECT), metavar="PATH", help="default: this project's own history")
    parser.add_argument("--commits", type=int, default=commits, help="the newest so many")


@contextmanager
def bundle_of(repository: str) -> Iterator[tuple[Path, str]]:
    """The bundle that ingest keeps of a repository, and its newest commit."""
    source = sources.parse_source(f"git:{repository}")
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        if not sources.keep_history(source, bundle):
            raise SystemExit(f"{repository} has no history that can be read: one commit, or shallow")
        yield bundle, str(sources.facts(source).commit)


@contextmanager
def history_of(repository: str, commits: int) -> Iterator[tuple[Quarantine, list[str]]]:
    """The unpacked bundle, and the ids of the newest commits, parents first."""
    with bundle_of(repository) as (bundle, tip), open_bundle(bundle) as opened:
        yield opened, list(commit_ids(opened, tip))[-commits:]
