"""A git repository of ours that borrows another's objects and nothing else.

A repository is somebody else's program: its configuration, hooks, attributes, alternates, replacements and grafts can run commands
or show other contents. So git is never started inside it. A bare repository is made in a temporary folder, with links to the object
files one by one or in whole fan-out folders, the refs copied after their form was checked, and a configuration that holds the object
format and nothing else. Links inside the source's git folder are not followed. What lies in alternates is missing, and said to be.
"""

import errno
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobs.sources.git_format import git_folders, object_format
from jobs.sources.refs import RefReader, read_small_file
from jobs.sources.source import SourceError

_FAN_OUT = re.compile(r"[0-9a-f]{2}")
_LOOSE = re.compile(r"[0-9a-f]{38}|[0-9a-f]{62}")
_PACK = re.compile(r"pack-[0-9a-f]{40,64}\.(pack|idx)")


_NO_SPACE = os.strerror(errno.ENOSPC)  # as git says it too


class GitError(Exception):
    """git ended with an error; the message is what it said, without paths of ours."""


class Quarantine:
    """The borrowed repository. `hash_name` is sha1 or sha256; `is_shallow` whether the source's history is cut off."""

    def __init__(self, path: Path, refs: RefReader, hash_name: str, is_shallow: bool, has_alternates: bool) -> None:
        self.path = path
        self.hash_name = hash_name
        self.is_shallow = is_shallow
        self.has_alternates = has_alternates
        self._refs = refs

    def resolve(self, location: str, ref: str | None) -> str:
        """The commit id that a ref stands for: a branch, tag, id, or any of them followed by ~ and ^. Raises `SourceError`."""
        self._refs.write_to(self.path)
        try:
            return self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref or 'HEAD'}^{{commit}}").decode().strip()
        except GitError as error:
            raise SourceError(self._unresolved(location, ref, str(error))) from None

    def _unresolved(self, location: str, ref: str | None, said: str) -> str:
        if self.has_alternates:
            return (
                f"{location}: the commit of {ref or 'HEAD'} is not in its object database, which borrows objects from another repository "
                "(objects/info/alternates). Alternates are not followed. Make it whole there: git repack -a -d, then remove that file."
            )
        if not self._refs.names:
            return f"{location} is a git repository without commits. Expected at least one; commit something or name another source."
        names = ", ".join(sorted(self._refs.names)[:10])
        said = f": {said}" if said else ""
        return f"{location}: {ref or 'HEAD'} is no commit that is there{said}. Expected a commit id or one of {names}, ..."

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What git prints. Raises `GitError`; `OSError` where a disk is full, which says nothing of the repository."""
        command = self._command(*arguments)
        done = subprocess.run(command, env=self._environment(), cwd=self.path, input=stdin, capture_output=True)
        if done.returncode:
            said = self._clean(done.stderr)
            raise OSError(errno.ENOSPC, said) if _NO_SPACE in said else GitError(said)
        return done.stdout

    @contextmanager
    def stream(self, *arguments: str, stdin: bytes = b"") -> Iterator[subprocess.Popen[bytes]]:
        """A running git whose output is a pipe of a megabyte; killed on the way out if it still runs. For its messages see `said`.

        Several may run at once, so each has a file of its own for what it is given.
        """
        with tempfile.TemporaryFile(dir=self.path) as source, (self.path / "stderr").open("wb") as errors:
            source.write(stdin)
            source.seek(0)
            process = subprocess.Popen(
                self._command(*arguments), env=self._environment(), cwd=self.path,
                stdin=source, stdout=subprocess.PIPE, stderr=errors, bufsize=1 << 20, pipesize=1 << 20,
            )  # fmt: skip
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    @contextmanager
    def conversation(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A running git that is asked and answers; killed on the way out."""
        with (self.path / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                self._command(*arguments), env=self._environment(), cwd=self.path,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=1 << 20,
            )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with suppress(OSError):  # what was asked and not sent
                        pipe.close()

    def said(self) -> str:
        """What the last `stream` wrote to its standard error."""
        return self._clean((self.path / "stderr").read_bytes()) or "git ended without a word"

    def size_bytes(self) -> int:
        """Bytes of all packs and loose objects on disk."""
        paths = (Path(folder, name) for folder, _, names in os.walk(self.path / "objects", followlinks=True) for name in names)
        return sum(path.stat().st_size for path in paths if path.exists())

    def _clean(self, said: bytes) -> str:
        """A message on one line, without the path of this folder, which differs every time."""
        text = said.decode("utf-8", "backslashreplace").replace(f"{self.path}/", "").strip()
        return "; ".join(text.splitlines())[:500]

    def _command(self, *arguments: str) -> list[str]:
        return ["git", f"--git-dir={self.path}", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *arguments]

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.path),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_ALLOW_PROTOCOL": "",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
        }


@contextmanager
def open_quarantine(location: str) -> Iterator[Quarantine]:
    """Raises `SourceError` where `location` is no git repository of a format that can be read."""
    if shutil.which("git") is None:
        raise SourceError("The program git is not there. Expected it on PATH; install git and run again.")
    folder = Path(tempfile.mkdtemp(prefix="codemill-git-"))
    try:
        yield _borrowed(location, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _borrowed(location: str, folder: Path) -> Quarantine:
    try:
        head_folder, common_folder = git_folders(Path(location))
        hash_name = object_format(location, common_folder, folder)
        is_sha1 = hash_name == "sha1"
        extension = "" if is_sha1 else f"[extensions]\n\tobjectformat = {hash_name}\n"
        (folder / "config").write_text(f"[core]\n\trepositoryformatversion = {0 if is_sha1 else 1}\n\tbare = true\n{extension}")
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        (folder / "refs").mkdir()
        _borrow_objects(common_folder / "objects", folder / "objects")
        shallow = _shallow_ids(common_folder)
        if shallow:
            (folder / "shallow").write_text("".join(f"{commit}\n" for commit in shallow))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise SourceError(f"{location} cannot be read: {error}. Expected a git repository that this user may read.") from error
    has_alternates = os.path.lexists(common_folder / "objects" / "info" / "alternates")
    return Quarantine(folder, RefReader(head_folder, common_folder), hash_name, bool(shallow), has_alternates)


def _borrow_objects(theirs: Path, ours: Path) -> None:
    """Links packs and loose objects. Whatever is no regular file with an object's name stays behind, and so do their indexes of
    indexes, bitmaps and commit graphs: git works without them, and they could contradict the objects."""
    (ours / "pack").mkdir(parents=True)
    for entry in _entries(theirs / "pack"):
        if _PACK.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
            os.symlink(os.path.abspath(entry.path), ours / "pack" / entry.name)
    for fan_out in _entries(theirs):
        if not (_FAN_OUT.fullmatch(fan_out.name) and fan_out.is_dir(follow_symlinks=False)):
            continue
        loose = _entries(Path(fan_out.path))
        if all(entry.is_file(follow_symlinks=False) for entry in loose):
            os.symlink(os.path.abspath(fan_out.path), ours / fan_out.name)
            continue
        (ours / fan_out.name).mkdir()
        for entry in loose:
            if _LOOSE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                os.symlink(os.path.abspath(entry.path), ours / fan_out.name / entry.name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        if folder.is_symlink():
            return []
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _shallow_ids(common_folder: Path) -> list[str]:
    text = read_small_file(common_folder / "shallow", 1 << 26) or b""
    return re.findall(r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$", text.decode("ascii", "replace"), re.MULTILINE)
