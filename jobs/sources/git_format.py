"""Where a git repository keeps its parts, and whether its format is one that is read here. Nothing it says is obeyed."""

import os
import subprocess
from pathlib import Path

from jobs.sources.refs import read_small_file
from jobs.sources.source import SourceError

# Extensions that change nothing about how objects and refs are found, from git's repository-version.txt.
_HARMLESS = {"noop", "noop-v1", "preciousobjects", "partialclone", "worktreeconfig", "relativeworktrees", "refstorage", "objectformat"}


def git_folders(location: Path) -> tuple[Path, Path]:
    """The folder that holds HEAD and the one that holds objects and refs; they differ in a linked worktree only.

    A folder that came from somebody else may point to any repository of this machine. So a pointer counts only where the repository that it
    leads to points back, as git writes it for its worktrees.
    """
    found = location / ".git" if os.path.lexists(location / ".git") else location
    if found.is_file():
        found = _linked_folder(location, found)
    common = read_small_file(found / "commondir")
    common_folder = found / os.fsdecode(common.strip()) if common else found
    if common and os.path.realpath(found.parent) != os.path.realpath(common_folder / "worktrees"):
        raise SourceError(
            f"{location}: its commondir leads to {common_folder}, of which it is no worktree. It is not followed; name that repository."
        )
    for part in (found, common_folder / "objects", common_folder / "refs"):
        if not part.is_dir() or part.is_symlink():
            raise SourceError(f"{location} is no git repository: {part.name} is no folder there. Expected HEAD, objects and refs.")
    return found, common_folder


def _linked_folder(location: Path, link: Path) -> Path:
    """Where a file called `.git` leads. Its worktree's folder there has a file `gitdir` that names this one."""
    text = read_small_file(link) or b""
    if not text.startswith(b"gitdir: "):
        raise SourceError(f"{link} is no git folder. Expected a folder, or a file that begins with 'gitdir: '.")
    found = location / os.fsdecode(text[len(b"gitdir: ") :].strip())
    back = read_small_file(found / "gitdir")
    if not back or os.path.realpath(found / os.fsdecode(back.strip())) != os.path.realpath(link):
        raise SourceError(
            f"{link} leads to {found}, which does not lead back to it as it would for a worktree of git. It is not followed. For a "
            f"submodule or a git folder elsewhere name that folder, if you trust it: --source NAME=git:{found}"
        )
    return found


def object_format(location: str, common_folder: Path, empty_folder: Path) -> str:
    """sha1 or sha256. Raises `SourceError` for a format that is not read here."""
    values = _configuration(location, common_folder, empty_folder)
    extensions = {key.removeprefix("extensions."): value for key, value in values.items() if key.startswith("extensions.")}
    unknown = sorted(set(extensions) - _HARMLESS)
    hash_name = extensions.get("objectformat", "sha1")
    if values.get("core.repositoryformatversion", "0") not in ("0", "1"):
        unknown.append(f"repositoryformatversion = {values['core.repositoryformatversion']}")
    if extensions.get("refstorage", "files") != "files" or (common_folder / "reftable").is_dir():
        unknown.append(f"refstorage = {extensions.get('refstorage', 'reftable')}")
    if hash_name not in ("sha1", "sha256"):
        unknown.append(f"objectformat = {hash_name}")
    if unknown:
        raise SourceError(
            f"{location} is a git repository of a format that is not read here: {', '.join(unknown)}. Expected version 0 or 1, refs in "
            "files and sha1 or sha256. Convert it: git clone --bare --ref-format=files."
        )
    return hash_name


def _configuration(location: str, common_folder: Path, empty_folder: Path) -> dict[str, str]:
    """The source's configuration, keys and values in lower case. git parses a copy of it in a folder of ours, and follows no include."""
    text = read_small_file(common_folder / "config", 1 << 20)
    if text is None:
        return {}
    copy = empty_folder / "config.source"
    copy.write_bytes(text)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_DIR": str(empty_folder),
        "HOME": str(empty_folder),
    }
    done = subprocess.run(
        ["git", "config", "--file", str(copy), "--no-includes", "--list", "-z"], env=environment, cwd=empty_folder, capture_output=True
    )
    if done.returncode:
        raise SourceError(f"{location}: its git configuration cannot be parsed. Expected one that `git config --list` can read.")
    items = [item.partition("\n") for item in done.stdout.decode("utf-8", "backslashreplace").split("\0") if item]
    return {key.lower(): value.strip().lower() for key, _, value in items}
