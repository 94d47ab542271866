"""What a commit changes, as a document has it: from git's patch, applied to the snapshot and compared with the commit before it is used."""

from itertools import accumulate
from typing import Any

from jobs.assemble.commit_snapshots import MODULE, Snapshot
from jobs.sources.paths import is_odd
from udfs.commit_layout import PathChange, applied
from udfs.edits import EditError, edits_of
from udfs.patches import FilePatch, file_patches


class NotWritableError(Exception):
    """A commit cannot be a document; the message is the reason."""


def path_changes(commit: dict[str, Any], snapshot: Snapshot, patch: bytes | str) -> tuple[PathChange, ...]:
    """What a commit changes, each path once, in order of their names; `patch` as of `read_patches`. Raises `NotWritableError`.

    Every change is applied to the snapshot and compared with the blob that the commit has: what is written can be done.
    """
    if commit["flaw"]:  # what is known of it is not all
        raise NotWritableError(commit["flaw"])
    if isinstance(patch, str):
        raise NotWritableError(patch)
    if any(is_odd(change["path"]) or is_odd(change["old_path"] or "a") for change in commit["changes"]):
        raise NotWritableError("unsafe_path")
    if len({change["path"] for change in commit["changes"]}) < len(commit["changes"]):
        raise NotWritableError("duplicate_path")
    if any(MODULE in (change["old_mode"], change["new_mode"]) for change in commit["changes"]):
        raise NotWritableError("submodule")
    ordered = list(file_patches(patch))
    # git writes a path that becomes another type of file as one that goes and one that comes.
    *starts, end = accumulate((2 if change["status"] == "type" else 1 for change in commit["changes"]), initial=0)
    if len(ordered) != end:
        raise NotWritableError("cannot_be_applied")
    changes = [path_change(change, ordered[start], snapshot) for change, start in zip(commit["changes"], starts, strict=True)]
    found = tuple(sorted(changes, key=lambda change: change.path))
    check(found, commit["changes"], snapshot)
    return found


def path_change(change: dict[str, Any], patch: FilePatch, snapshot: Snapshot) -> PathChange:
    status, path, old_path = change["status"], change["path"], change["old_path"]
    if status == "deleted":
        return PathChange("delete", path)
    mode = change["new_mode"] if change["new_mode"] != change["old_mode"] else None
    if status in ("added", "copied", "type"):
        text = snapshot.text_of(change["new_blob"])
        if text is None:
            raise NotWritableError("not_text")
        return PathChange("create", path, None, change["new_mode"] if change["new_mode"] != "100644" else None, text)
    old_text = snapshot.text(old_path or path)
    if old_text is None:
        raise NotWritableError("not_text")
    try:
        edits = tuple(edits_of(old_text, patch.hunks))
    except (EditError, UnicodeDecodeError):
        raise NotWritableError("cannot_be_applied") from None
    kind = "rename" if status == "renamed" else "modify"
    return PathChange(kind, path, old_path if kind == "rename" else None, mode, None, edits)


def check(changes: tuple[PathChange, ...], given: list[dict[str, Any]], snapshot: Snapshot) -> None:
    """Raises `NotWritableError` unless the changes begin with what the snapshot has and, applied to it, give the commit's own blobs and
    modes."""
    before: dict[str, tuple[str, str]] = {}
    for change in given:
        path = change["old_path"] or change["path"]
        old = None if change["status"] == "added" else (change["old_mode"], change["old_blob"])
        if snapshot.files.get(path) != old or (path != change["path"] and change["path"] in snapshot.files):
            raise NotWritableError("cannot_be_applied")  # as where a tree has an entry twice
        text = snapshot.text(path)
        if text is not None:
            before[path] = (change["old_mode"], text)
        elif path in snapshot.files and change["status"] == "deleted":
            before[path] = (change["old_mode"], "")
    try:
        after = applied(changes, before)
    except EditError:
        raise NotWritableError("cannot_be_applied") from None
    for path in (one for one in after if one not in snapshot.files):
        above = (path[:at] for at, character in enumerate(path) if character == "/")
        if any((after[one] if one in after else snapshot.files.get(one)) is not None for one in above):
            raise NotWritableError("cannot_be_applied")  # a file in a file
    for change in given:
        if change["status"] == "deleted":
            continue
        found = after.get(change["path"])
        if found is None or found[0] != change["new_mode"] or found[1] != snapshot.text_of(change["new_blob"]):
            raise NotWritableError("cannot_be_applied")
