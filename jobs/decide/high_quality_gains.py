"""What a round of a high-quality set finds, measured in repositories that taught it nothing, and the size of the set."""

from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.decide.high_quality_seeds import Cuts, is_seed
from jobs.decide.high_quality_sets import HighQualitySet

CURVE = (10, 20, 30, 40, 50, 60, 70, 80, 90)


def gains(said: DataFrame, one: HighQualitySet, cuts: Cuts, least_percent: int) -> dict[str, Any]:
    """What the model finds: in the repositories that taught nothing, and in all that may be trained on."""
    is_train, is_found, scored = F.col("split") == "train", F.col("percent") >= least_percent, F.col("score").isNotNull()
    is_shown = is_train & F.col("is_validation")
    seed = is_shown & is_seed(one, cuts)

    def count(condition: Column) -> Column:
        return F.count(F.when(condition, 1))

    def total(name: str, condition: Column) -> Column:
        return F.coalesce(F.sum(F.when(condition, F.col(name))), F.lit(0))

    sums = {
        "files": count(is_train), "tokens": total("token_estimate", is_train),
        "set_files": count(is_train & is_found), "set_tokens": total("token_estimate", is_train & is_found),
        "validation_seeds": count(seed), "validation_scored": count(is_shown & scored), "validation_score": total("score", is_shown),
        "validation_best": count(is_shown & (F.col("score") >= (cuts.best or 0))),
        "found_scored": count(is_shown & is_found & scored), "found_score": total("score", is_shown & is_found),
        "found_best": count(is_shown & is_found & (F.col("score") >= (cuts.best or 0))),
        "found_poor": count(is_shown & is_found & (F.col("score") < (cuts.poor or 0))),
        **{f"seeds_{percent}": count(seed & (F.col("percent") >= percent)) for percent in (*CURVE, least_percent)},
        **{f"files_{percent}": count(is_train & (F.col("percent") >= percent)) for percent in CURVE},
    }  # fmt: skip
    found = said.agg(*(column.alias(name) for name, column in sums.items())).first().asDict()  # type: ignore[union-attr]
    return told(found, least_percent)


def told(found: dict[str, int], least_percent: int) -> dict[str, Any]:
    def share(part: str, whole: str) -> float | None:
        return round(found[part] / found[whole], 4) if found[whole] else None

    return {
        "set": {name: found[name] for name in ("files", "tokens", "set_files", "set_tokens")},
        "validation": {
            "seeds": found["validation_seeds"],
            "seed_recall": share(f"seeds_{least_percent}", "validation_seeds"),
            "scored": found["validation_scored"],
            "best_share": share("validation_best", "validation_scored"),
            "mean_score": share("validation_score", "validation_scored"),
            "found_scored": found["found_scored"],
            "found_best_share": share("found_best", "found_scored"),
            "found_poor_share": share("found_poor", "found_scored"),
            "found_mean_score": share("found_score", "found_scored"),
        },
        "curve": [
            {"percent": percent, "seed_recall": share(f"seeds_{percent}", "validation_seeds"), "files": found[f"files_{percent}"]}
            for percent in CURVE
        ],
    }
