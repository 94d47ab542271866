"""An archive that has the name of another one: crawlers call theirs alike every day, and the pages of the first would be replaced."""

from collections.abc import Iterable, Mapping

from jobs.ingest.fingerprints import Known
from jobs.runtime.errors import UsageError
from jobs.sources.warc_names import PREFIX, Archive


def refuse_moved(archives: Iterable[Archive], known: Mapping[str, Known]) -> None:
    """Raises `UsageError` where an archive that is called after its place lies at another place than what the lake has by this name.

    A name that was given says itself that it is the same one.
    """
    moved = [one for one in archives if not one.is_named and known.get(one.name, Known("", one.address)).location != one.address]
    if moved:
        first = moved[0]
        others = f" (and {len(moved) - 1} more)" if len(moved) > 1 else ""
        raise UsageError(
            f"{first.name.removeprefix(PREFIX)} was read from {known[first.name].location}; {first.address} has the same name{others}.\n"
            f"If it is another one, give it a name: --archive NAME={first.address}\n"
            "If it is the same one at another place: --set ingest.pages.moved=true takes it for what the lake has by this name."
        )
