"""Named phases. `regular` and `continued` follow the report, as far as it says; `demo` takes all that there is, once.

From the report: what each phase is made of, the windows, the rates of fill-in-the-middle. It is silent on shares and repeats: those here
are ours (docs/decisions/0018). A recipe of one's own is a `Phase` in this list.
"""

from jobs.decide.high_quality_sets import SETS
from jobs.runtime.errors import UsageError
from udfs.mixture import KINDS, LONG_FILE_BYTES, Phase, Share

# A document in several sets belongs to the first that is named: the narrow ones stand before the wide ones.
HIGH_QUALITY = (("notebooks", 0.1), ("algorithms", 0.2), ("applications", 0.2), ("major_languages", 0.3), ("general", 0.2))

RECIPES = {
    phase.name: phase
    for phase in (
        Phase("demo", 8192, 0.5, tuple(Share(kind) for kind in KINDS)),
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
    """Raises `UsageError` naming the recipes there are, or the sets there are."""
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name!r}. There are: {', '.join(sorted(RECIPES))} (jobs/mix/recipes.py)")
    found = RECIPES[name]
    if unknown := sorted(set(found.sets) - SETS.keys()):
        raise UsageError(f"the recipe {name!r} names the sets {', '.join(unknown)}. There are: {', '.join(SETS)}")
    return found
