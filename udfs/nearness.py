"""Which of several files an import means: the one that lies nearest to the importer, by a total order."""

from collections.abc import Iterable, Sequence

MOST_CANDIDATES = 512  # of one name; more are looked at in the order of their paths, so that no name makes the work square


def folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def shared_parts(one: str, other: str) -> int:
    """Folders that two folders have in common, from the top."""
    count = 0
    for a, b in zip(one.split("/"), other.split("/"), strict=False):
        if a != b or not a:
            break
        count += 1
    return count


def nearest(folder: str, candidates: Iterable[int], paths: Sequence[str], preferred: Iterable[int] = ()) -> int:
    """Of files, by index: most folders in common with `folder`, then those that are preferred, then the least deep, then by path."""
    first = set(preferred)
    return min(
        candidates, key=lambda one: (-shared_parts(folder, folder_of(paths[one])), one not in first, paths[one].count("/"), paths[one])
    )
