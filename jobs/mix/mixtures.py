"""Where the shards and exports of each mixture of a lake lie.

LAKE/mix/shards/         the mixture of the profile that a run takes where it is told of none
     mix/shards-NAME/    any other, by its name: another profile's, or one with a name of its own
     mix/exports/FORMAT/, mix/exports-NAME/FORMAT/    what was exported of them

The folder is a function of the mixture's name alone, so no two mixtures ever share one, in whatever order they are written.
"""

import shlex
from typing import Any

from pyarrow import fs

from jobs.decide.profiles import PolicyParams
from jobs.runtime.errors import CodemillError
from schemas.lake import EXPORTS, SHARDS, Lake
from udfs.exports import Export, read_export
from udfs.manifest import Manifest, ShardError
from udfs.shards import MANIFEST_NAME, damage, open_folder, read_manifest, sha256_of

FIRST = PolicyParams().profile  # the mixture that lies in mix/shards
UNKNOWN_LAKE = "LAKE"  # as it stands in a command for the user to fill in


def mixture_of(parameters: dict[str, Any]) -> str:
    """The mixture that a run of mix.sequences, mix.shards or mix.exports had to do with, by its parameters as the ledger has them."""
    return str(parameters.get("mixture") or parameters.get("profile", ""))


def shards_folder(mixture: str, profile: str) -> str:
    """A folder of the lake; it may not be there yet."""
    name = mixture or profile
    return SHARDS if name == FIRST else f"{SHARDS}-{name}"


def export_folder(lake: Lake, format: str, shards: str = SHARDS) -> str:
    """The address of an export of the shards in a folder of the lake."""
    return lake.path(f"{EXPORTS}{shards.removeprefix(SHARDS)}/{format}")


def mixtures_there(lake: Lake) -> dict[str, str]:
    """The folder of each mixture that has finished shards, by the mixture's name.

    Earlier versions wrote every profile's to mix/shards: such a folder counts until the mixture has its own.
    """
    filesystem, root = lake.filesystem()
    parent, start = SHARDS.rsplit("/", 1)
    folders = filesystem.get_file_info(fs.FileSelector(f"{root}/{parent}", allow_not_found=True))
    names = sorted(info.base_name for info in folders if info.type == fs.FileType.Directory)
    found: dict[str, str] = {}
    for name in (name for name in names if name == start or name.startswith(f"{start}-")):
        try:
            mixture = read_manifest(lake.path(f"{parent}/{name}")).mixture
        except ShardError:
            continue
        if mixture not in found or f"{parent}/{name}" == shards_folder(mixture, ""):
            found[mixture] = f"{parent}/{name}"
    return found


def shards_of(lake: Lake, mixture: str) -> str:
    """The folder of a mixture's shards. Without a name `mix/shards`, or the only ones; where there are none, `mix/shards` too.

    Raises `CodemillError` naming the mixtures there are.
    """
    there = mixtures_there(lake)
    if not mixture and SHARDS in there.values():
        return SHARDS
    if not mixture and len(there) > 1:
        raise CodemillError(f"{lake.root} has no {SHARDS}; it has the shards of: {', '.join(sorted(there))}. Name one with --mixture")
    if not mixture:
        return next(iter(there.values()), SHARDS)
    if mixture not in there:
        raise CodemillError(
            f"{lake.root} has no shards of a mixture {mixture!r}; it has those of: {', '.join(sorted(there)) or 'none'}. "
            f"`codemill mix.shards --mixture {mixture}` writes them where mix/sequences has it"
        )
    return there[mixture]


def anew(mixture: str, root: str = UNKNOWN_LAKE, job: str = "mix.shards", more: str = "--force") -> str:
    """The whole command that writes a mixture's shards or exports again: with another lake or mixture it would write others."""
    words = [root if root == UNKNOWN_LAKE else shlex.quote(root), "--mixture", shlex.quote(mixture)]
    return f"`codemill {job} {more} --lake {' '.join(words)}`"


def check_whole(lake: Lake, folder: str, manifest: Manifest) -> None:
    """Raises `CodemillError` where a listing shows that files of these shards are missing or cut off."""
    faults = damage(lake.path(folder), manifest)
    if faults:
        told = "\n  ".join([f"{lake.path(folder)} is not what its {MANIFEST_NAME} says:", *faults])
        raise CodemillError(f"{told}\n{anew(manifest.mixture, lake.root)} writes the shards again; `codemill verify` reads every file")


def export_status(lake: Lake, format: str, shards: str) -> tuple[str, Export | None]:
    """`current` with the manifest where it is of the shards that are there, `stale` where it is of others; empty where there is none."""
    try:
        export = read_export(export_folder(lake, format, shards))
    except ShardError:
        return "", None
    filesystem, root = open_folder(lake.path(shards))
    try:
        is_current = export.shards_sha256 == sha256_of(filesystem, f"{root}/{MANIFEST_NAME}")
    except FileNotFoundError:
        is_current = False
    return ("current", export) if is_current else ("stale", None)
