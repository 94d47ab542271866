"""Bundles, as ingest keeps histories: unpacked into a repository of ours (see `quarantine`), and their commits listed.

Nothing is checked out, run or fetched. What is wrong with a bundle is a `SourceError`; what is wrong with the machine, such as a disk
that is full, says nothing of it and stays an `OSError`.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.sources.git import split
from jobs.sources.quarantine import GitError, Quarantine
from jobs.sources.refs import RefReader
from jobs.sources.source import SourceError


@contextmanager
def open_bundle(bundle: Path) -> Iterator[Quarantine]:
    """A repository of ours that holds what the bundle does. Raises `SourceError` where it cannot be unpacked."""
    hash_name = object_format(bundle)
    folder = Path(tempfile.mkdtemp(prefix="codemill-history-"))
    try:
        extension = "" if hash_name == "sha1" else f"[extensions]\n\tobjectformat = {hash_name}\n"
        (folder / "config").write_text(f"[core]\n\trepositoryformatversion = {1 if extension else 0}\n\tbare = true\n{extension}")
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        (folder / "refs").mkdir()
        (folder / "objects" / "pack").mkdir(parents=True)
        found = Quarantine(folder, RefReader(folder, folder), hash_name, False, False)
        try:
            found.run("bundle", "unbundle", str(bundle.absolute()))
        except GitError as error:
            raise SourceError(f"{bundle.name} cannot be unpacked: {error}. Expected the bundle that ingest wrote.") from error
        yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def object_format(bundle: Path) -> str:
    """sha1 or sha256, as the bundle's head says. Raises `SourceError` where there is no such file."""
    try:
        with bundle.open("rb") as file:
            for line in iter(file.readline, b"\n"):
                if line.startswith(b"@object-format="):
                    return "sha1" if line.partition(b"=")[2].strip() == b"sha1" else "sha256"
                if not line:
                    break
    except OSError as error:
        raise SourceError(f"{bundle.name} cannot be read: {error}") from error
    return "sha1"


def commit_ids(repository: Quarantine, tip: str, since: str | None = None) -> Iterator[str]:
    """Ids of the commits that `tip` reaches and `since` does not, oldest first, parents before children."""
    beyond = [f"^{since}"] if since else []
    with repository.stream("rev-list", "--reverse", "--topo-order", tip, *beyond) as process:
        yield from (line.decode() for line in split(process, b"\n"))
        if process.wait():
            raise SourceError(f"the history of {tip} cannot be listed: {repository.said()}. Expected all its commits.")


def is_ancestor(repository: Quarantine, old: str, new: str) -> bool:
    """Whether `new` goes on from `old`; False too where `old` is not there."""
    try:
        repository.run("merge-base", "--is-ancestor", old, new)
        return True
    except GitError:
        return False
