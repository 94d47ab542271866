"""Named phases. `regular` and `continued` follow the report, as far as it says; `demo` takes all that there is, once.

From the report: what each phase is made of, the windows, the rates of fill-in-the-middle. It is silent on shares and repeats: those here
are ours (docs/decisions/0018). A recipe of one's own is a `Phase` in this list, or a Python file that sets RECIPE:

    from udfs.mixture import Phase, Share
    RECIPE = Phase("mine", window=8192, fim_rate=0.5, shares=(Share("file", 0.9, max_epochs=2), Share("commit", 0.1)))
"""

import difflib
import runpy
from collections.abc import Iterator
from pathlib import Path

from jobs.decide.high_quality_sets import SETS
from jobs.runtime.errors import UsageError
from udfs.languages import LANGUAGES
from udfs.mixture import KINDS, LONG_FILE_BYTES, NO_LANGUAGE, MixtureError, Phase, Share, check_phase

# A document in several sets belongs to the first that is named: the narrow ones stand before the wide ones.
HIGH_QUALITY = (("notebooks", 0.1), ("algorithms", 0.2), ("applications", 0.2), ("major_languages", 0.3), ("general", 0.2))

RECIPES = {
    phase.name: phase
    for phase in (
        Phase("demo", 1024, 0.5, tuple(Share(kind) for kind in KINDS)),
        Phase("regular", 8192, 0.5, (Share("file", 0.8, max_epochs=4), Share("page", 0.2, max_epochs=1))),
        Phase(
            "continued",
            32_768,
            0.1,
            (
                Share("file", 0.35, "high quality", max_epochs=4, by="set", within=HIGH_QUALITY),
                Share("file", 0.15, "long files", max_epochs=4, least_bytes=LONG_FILE_BYTES),
                Share("repository", 0.2, max_epochs=4),
                Share("commit", 0.1, max_epochs=4),
                Share("page", 0.2, max_epochs=1),
            ),
            packing="best_fit",
        ),
    )
}


def recipe(name: str) -> Phase:
    """One of RECIPES, or that of a Python file, which is run. Raises `UsageError` naming the recipes, sets or languages there are."""
    found = RECIPES[name] if name in RECIPES else of_file(name)
    if unknown := sorted(set(found.sets) - SETS.keys()):
        raise UsageError(f"the recipe {name!r} names the sets {', '.join(unknown)}. There are: {', '.join(SETS)}")
    if unknown := list(_unknown_languages(found)):
        raise UsageError(f"the recipe {name!r} names languages that there are not:\n  " + "\n  ".join(unknown))
    return found


def _unknown_languages(phase: Phase) -> Iterator[str]:
    """Of all but pages, whose language is one that people speak."""
    for share in (share for share in phase.shares if share.by == "language" and share.kind != "page"):
        for name in (name for name, _ in share.within if name not in (*LANGUAGES, NO_LANGUAGE)):
            near = difflib.get_close_matches(name.lower(), [one.lower() for one in LANGUAGES], n=3, cutoff=0.6)
            meant = [one for one in LANGUAGES if one.lower() in near]
            yield f"share {share.label!r}: {name!r}; " + (f"is {' or '.join(meant)} meant?" if meant else "docs/languages.md lists all")


def of_file(name: str) -> Phase:
    if not name.endswith(".py"):
        raise UsageError(
            f"there is no recipe {name!r}. There are: {', '.join(sorted(RECIPES))} (jobs/mix/recipes.py), or a Python file that sets RECIPE"
        )
    if not Path(name).is_file():
        raise UsageError(f"the recipe {name}: there is no such file")
    try:
        found = runpy.run_path(name).get("RECIPE")
    except Exception as error:  # whatever the user's own code raises
        raise UsageError(f"the recipe {name} cannot be run: {type(error).__name__}: {error}") from error
    if not isinstance(found, Phase):
        raise UsageError(f"{name} sets RECIPE to {type(found).__name__}; expected a udfs.mixture.Phase")
    try:
        check_phase(found)
    except MixtureError as error:
        raise UsageError(f"{name}: {error}") from error
    return found
