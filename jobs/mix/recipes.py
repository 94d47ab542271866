"""Named phases. `regular` and `continued` follow the report, as far as it says; `demo` takes all that there is, once.

From the report: the kinds of each phase, the windows, the rates of fill-in-the-middle. It is silent on shares and repeats: those here are
ours (docs/decisions/0018). A recipe of one's own is a `Phase` in this list.
"""

from jobs.runtime.errors import UsageError
from udfs.mixture import KINDS, Phase, Share

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
                Share("file", 0.3, "good files", max_epochs=4, least_score_percent=70),
                Share("file", 0.2, "long files", max_epochs=4, least_bytes=28_672),
                Share("repository", 0.2, max_epochs=4),
                Share("commit", 0.1, max_epochs=4),
                Share("page", 0.2, max_epochs=1),
            ),
            packing="best_fit",
        ),
    )
}


def recipe(name: str) -> Phase:
    """Raises `UsageError` naming the recipes there are."""
    if name not in RECIPES:
        raise UsageError(f"there is no recipe {name!r}. There are: {', '.join(sorted(RECIPES))} (jobs/mix/recipes.py)")
    return RECIPES[name]
