"""Bundles, as ingest keeps histories: opened as a repository of ours (see `quarantine`), and their commits listed.

Nothing is checked out, run or fetched. What is wrong with a bundle is a `SourceError`; what is wrong with the machine, such as a disk
that is full, says nothing of it and stays an `OSError`.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from jobs.sources.git import split
from jobs.sources.kept_histories import index_of
from jobs.sources.quarantine import GitError, Quarantine
from jobs.sources.refs import RefReader
from jobs.sources.source import SourceError

MAX_LINE = 1 << 16  # of a bundle's head


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
        if not _placed(bundle, folder / "objects" / "pack" / "pack-history.pack", hash_name):
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
            for line in _head(file):
                if line.startswith(b"@object-format="):
                    return "sha1" if line.partition(b"=")[2].strip() == b"sha1" else "sha256"
    except OSError as error:
        raise SourceError(f"{bundle.name} cannot be read: {error}") from error
    return "sha1"


def _head(bundle: IO[bytes]) -> Iterator[bytes]:
    """The lines before the pack. What is no bundle may have no end of a line."""
    while (line := bundle.readline(MAX_LINE)) not in (b"", b"\n"):
        yield line


def _placed(bundle: Path, pack: Path, hash_name: str) -> bool:
    """Copies a bundle's pack, with the index that ingest made of it. False, and nothing is there, where there is no index of this pack, or
    one of them is damaged: a pack and an index both end in a hash of all that they hold, and an index in that of its pack too."""
    try:
        index = index_of(bundle).read_bytes()
    except FileNotFoundError:  # made by an earlier version
        return False
    size = hashlib.new(hash_name).digest_size
    if len(index) < 2 * size or hashlib.new(hash_name, index[:-size]).digest() != index[-size:]:
        return False
    if _copied(bundle, pack, hash_name) != index[-2 * size : -size]:
        pack.unlink()
        return False
    pack.with_suffix(".idx").write_bytes(index)
    return True


def _copied(bundle: Path, pack: Path, hash_name: str) -> bytes | None:
    """The hash at the end of a bundle's pack; None where it is not that of what stands before it."""
    size = hashlib.new(hash_name).digest_size
    with bundle.open("rb") as source, pack.open("wb") as target:
        for _ in _head(source):
            pass
        found, held = hashlib.new(hash_name), b""
        while block := source.read(1 << 20):
            target.write(block)
            held += block
            found.update(held[:-size])
            held = held[-size:]
    return held if found.digest() == held else None


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
