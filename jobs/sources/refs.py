"""Reads a git repository's refs from its files, and writes those of good form as packed refs of another repository.

Loose refs win over packed ones, symbolic refs are resolved here, links and special files are not read. `refs/replace` stays behind.
"""

import os
import re
import stat
from pathlib import Path

_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAME = re.compile(rb"refs/[^\x00-\x20\x7f~^:?*\[\\]+")
_PACKED = re.compile(rb"^([0-9a-f]{40}(?:[0-9a-f]{24})?) (refs/[^\x00-\x20\x7f~^:?*\[\\]+)$", re.MULTILINE)
_SYMBOLIC_DEPTH = 5  # as git: SYMREF_MAXDEPTH
_MAX_PACKED_BYTES = 1 << 30
_MAX_LOOSE_BYTES = 4096


def read_small_file(path: Path, limit: int = _MAX_LOOSE_BYTES) -> bytes | None:
    """Contents of a regular file of at most `limit` bytes; None for anything else. A pipe under that name blocks nobody."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        return file.read(limit) if stat.S_ISREG(status.st_mode) and status.st_size <= limit else None


class RefReader:
    """`names` are the refs that stand for an object. `head_folder` differs from `common_folder` in a linked worktree."""

    def __init__(self, head_folder: Path, common_folder: Path) -> None:
        self._head = head_folder / "HEAD"
        self._common = common_folder
        self.names: list[str] = []

    def write_to(self, folder: Path) -> None:
        """Writes HEAD (detached, where it stands for a commit) and packed-refs into `folder`."""
        values = self._values()
        ids = {name: found for name in values if (found := _resolved(name, values))}
        self.names = [name.decode("utf-8", "backslashreplace") for name in ids]
        lines = [b"# pack-refs with: sorted \n", *(b"%s %s\n" % (ids[name], name) for name in sorted(ids))]
        (folder / "packed-refs").write_bytes(b"".join(lines))
        head = _resolved(b"HEAD", {**values, b"HEAD": (read_small_file(self._head) or b"").strip()})
        if head:
            (folder / "HEAD").write_bytes(head + b"\n")

    def _values(self) -> dict[bytes, bytes]:
        packed = read_small_file(self._common / "packed-refs", _MAX_PACKED_BYTES) or b""
        values = {name: found for found, name in _PACKED.findall(packed)}
        folders = [os.fsencode(self._common / "refs")]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                        elif value := read_small_file(Path(os.fsdecode(entry.path))):
                            name = os.path.relpath(entry.path, os.fsencode(self._common))
                            values[name] = value.strip()
            except OSError:
                continue
        return {name: value for name, value in values.items() if _is_good(name)}


def _is_good(name: bytes) -> bool:
    return (
        bool(_NAME.fullmatch(name))
        and not name.startswith(b"refs/replace/")
        and not any(part in name for part in (b"..", b"@{", b"//", b"/."))
        and not name.endswith((b"/", b".", b".lock"))
    )


def _resolved(name: bytes, values: dict[bytes, bytes]) -> bytes | None:
    for _ in range(_SYMBOLIC_DEPTH):
        value = values.get(name, b"")
        if _ID.fullmatch(value):
            return value
        if not value.startswith(b"ref:"):
            return None
        name = value[len(b"ref:") :].strip()
    return None
