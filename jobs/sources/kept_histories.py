"""Keeps the history of a git repository in the lake: a bundle, which git can clone, and beside it the index of its pack.

The index is what git makes anyway while it packs. With it, whoever opens the bundle later copies its pack and is done; without it git would
look at every object of the history first.
"""

import shutil
import tempfile
from pathlib import Path

from jobs.sources.bundle_files import head_of, index_of, pack_hash
from jobs.sources.quarantine import GitError, Quarantine, open_quarantine
from jobs.sources.source import ShallowHistoryError, Source, SourceError

MAX_MISSING = 1_000  # objects that a history may lack: each costs its commits, and git a start of its own
BRANCH = "refs/heads/codemill"


def keep_history(source: Source, target: Path) -> bool:
    """As `jobs.sources.keep_history`."""
    with open_quarantine(source.location) as repository:
        commit = repository.resolve(source.location, source.ref)
        if repository.is_shallow:
            raise ShallowHistoryError(
                f"{source.location} is a shallow clone, so of its history no commit is read. Make it whole there: git fetch --unshallow"
            )
        if _is_kept(target, repository.hash_name):
            return True
        try:
            if int(repository.run("rev-list", "--count", "--max-count=2", commit)) < 2:
                return False
            _write(repository, commit, target)
        except GitError as error:
            raise SourceError(
                f"{source.location}: the history of {commit} cannot be kept: {error}. Expected all objects of all its commits, or all but "
                f"{MAX_MISSING:,}; `git fsck` there shows what is missing."
            ) from None
    return True


def _is_kept(target: Path, hash_name: str) -> bool:
    """Whether the bundle is there, with all objects of its history, none of them damaged, and the index of its pack."""
    if not target.exists() or _lacks_objects(target).exists() or not index_of(target).exists():
        return False
    found = pack_hash(target, hash_name)
    return found is not None and index_of(target).read_bytes()[: -len(found)].endswith(found)


def _lacks_objects(target: Path) -> Path:
    """An empty file beside a bundle whose source lacked some: they may be there when the source is read again."""
    return target.with_suffix(".partial")


def _write(repository: Quarantine, commit: str, target: Path) -> None:
    """The bundle comes last: where it is, its index is too."""
    pack, is_whole = _pack(repository, commit)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not is_whole:
        _lacks_objects(target).touch()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        bundle, index = Path(folder) / "bundle", Path(folder) / "index"
        with bundle.open("wb") as out, pack.open("rb") as packed:
            out.write(head_of(repository.hash_name, commit, BRANCH))
            shutil.copyfileobj(packed, out, 8 << 20)
        shutil.copyfile(pack.with_suffix(".idx"), index)
        index.replace(index_of(target))
        bundle.replace(target)
    if is_whole:
        _lacks_objects(target).unlink(missing_ok=True)


def _pack(repository: Quarantine, commit: str) -> tuple[Path, bool]:
    """The pack, and whether all objects are in it. Of a history that lacks a few (a partial clone, files that a mirror left out) what is
    there is packed: the commits that need the others are told when they are read."""
    base = repository.path / "history"  # git makes it beside its objects first, and can only move it on the same disk
    command = ("pack-objects", "--revs", "--delta-base-offset", "--quiet")
    asked, is_whole = f"{commit}\n".encode(), True
    try:
        name = repository.run(*command, str(base), stdin=asked)
    except GitError:
        if not 0 < _missing(repository, commit) <= MAX_MISSING:
            raise
        is_whole = False
        name = repository.run(*command, "--missing=allow-any", str(base), stdin=asked)
    return Path(f"{base}-{name.decode().strip()}.pack"), is_whole


def _missing(repository: Quarantine, commit: str) -> int:
    with repository.stream("rev-list", "--objects", "--missing=print", commit) as process:
        assert process.stdout
        count = sum(line.startswith(b"?") for line in process.stdout)
        return 0 if process.wait() else count
