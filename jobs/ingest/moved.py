"""A source or an archive that has the name of another one: what the lake has of the first would be replaced."""

from collections.abc import Mapping, Sequence

from jobs.ingest.fingerprints import Known
from jobs.runtime.errors import UsageError


def refuse_moved(called: Sequence[tuple[str, str, str]], known: Mapping[str, Known], option: str, job: str) -> None:
    """Raises `UsageError` where one lies at another place than what the lake has by its label.

    called: label, name for people and place of those that are called after their place; a name that was given says itself that it is the
    same one. option: that which names them; job: whose parameter `moved` takes them all the same.
    """
    moved = [one for one in called if known.get(one[0], Known("", one[2])).location != one[2]]
    if moved:
        label, name, place = moved[0]
        others = f" (and {len(moved) - 1} more)" if len(moved) > 1 else ""
        raise UsageError(
            f"{name} was read from {known[label].location}, and {place} has the same name{others}.\n"
            f"If it is another one, give it a name: {option} NAME={place}\n"
            f"If it is the same one at another place: --set {job}.moved=true takes it for what the lake has by this name."
        )
