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

from jobs.sources.bundle_files import index_of, object_format, pack_hash
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
        if not _placed(bundle, folder / "objects" / "pack" / "pack-history.pack", hash_name):
            try:
                found.run("bundle", "unbundle", str(bundle.absolute()))
            except GitError as error:
                raise SourceError(
                    f"{bundle.name} cannot be unpacked: {error}. Expected the bundle that ingest "
                    "wrote; ingest.files --force makes a damaged one again."
                ) from error
        yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
    if pack_hash(bundle, hash_name, pack) != index[-2 * size : -size]:
        pack.unlink()
        return False
    pack.with_suffix(".idx").write_bytes(index)
    return True


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
