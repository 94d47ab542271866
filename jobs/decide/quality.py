"""The rules on quality: a least score, and a cut that drops a share of the worst. No Spark: `decide.verdicts` and what-if call the same.

They are asked of files that pass everything else, for these alone have a score. A cut is the whole percent below which the share of the
population that lies is nearest to the one asked for; it is computed once and frozen, because new data should not move old verdicts.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.decide.policy import Policy
from jobs.runtime.errors import UsageError
from schemas.annotate import SCORES
from schemas.decide import CUTS
from schemas.lake import SCORERS, Lake

LOW_SCORE, NOT_SCORED, NOT_FINITE = "low_score", "not_scored", "score_not_finite"
REASONS = {
    LOW_SCORE: "its score is below min_score_percent, or below the cut of drop_worst",
    NOT_SCORED: "it passes all else, and the scorer has not seen it yet",
    NOT_FINITE: "it passes all else, and the scorer has no finite number for it",
}
NO_SCORER = "none"
FILE = "file"  # what a scorer is of that does not say it
DECLARED = "scorer.json"  # what a model's folder says of itself
ALL_LANGUAGES = ""
LEAST_FILES = 200  # of a language's own cut; below, that of all languages is used

Counts = Mapping[str, np.ndarray]  # by language, files of each whole percent, int64[101]


def is_asked(policy: Policy) -> bool:
    return policy.min_score_percent is not None or policy.drop_worst is not None


def chosen_scorer(kinds: Mapping[str, str], asked: str, kind: str = FILE) -> str | None:
    """The scorer whose scores count: the version or model folder asked for, else the only one there is of the kind; None for none.

    kinds: what `scorers` gives. Raises `UsageError` where it is not one, or one of another kind.
    """
    found = sorted(version for version, of in kinds.items() if of == kind)
    option = _option(kind)
    if asked == NO_SCORER or (not asked and not found):
        return None
    if not asked and len(found) > 1:
        raise UsageError(f"annotate/scores holds scores of {kind}s by {', '.join(found)}: name one ({option} VERSION), or {NO_SCORER!r}")
    version = _of_folder(kinds, asked, kind) or asked or found[0]
    if kinds.get(version, kind) != kind:
        raise UsageError(
            f"{option} {asked}: scorer {version} scores {kinds[version]}s. Expected one of {', '.join(found) or 'none so far'}"
        )
    if version not in found:
        there = ", ".join(found) or "nobody"
        raise UsageError(f"{option} {asked}: annotate/scores holds scores of {kind}s by {there}. `codemill score` writes them.")
    return version


def _option(kind: str) -> str:
    return "--scorer" if kind == FILE else f"--{kind}-scorer"


def _of_folder(kinds: Mapping[str, str], folder: str, kind: str) -> str | None:
    """The version that the folder's model has scored by; what it declares where it has not scored. None for what is no such folder."""
    declares = declared_version(folder)
    if declares is None:
        return None
    known = [version for version in sorted(kinds) if is_by(version, declares)]
    if len(known) > 1:
        raise UsageError(
            f"{_option(kind)} {folder}: it has scored in several precisions, whose scores differ a little: {', '.join(known)}. Name one:"
            f" {_option(kind)} VERSION; of a run that scores too: --set decide.verdicts.{_option(kind)[2:].replace('-', '_')}=VERSION"
        )
    return known[0] if known else declares


def is_by(version: str, model_hash: str) -> bool:
    """Whether scores of a version are by this model, in whatever precision (gpu_scoring.device.version_of)."""
    return version.partition("-")[0] == model_hash


def declared_version(model: str) -> str | None:
    """The hash that a model's folder declares, which its versions begin with; None where it is no such folder."""
    try:
        return str(declared(model)["model_hash"]) if model else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def declared(model: str) -> dict[str, Any]:
    """What a model's folder says of itself. Raises OSError or ValueError for what is none."""
    return dict(json.loads((Path(model) / DECLARED).read_text()))


def oracle_of(lake: Lake, scorer: str | None) -> str | None:
    """Whose ratings a scorer learned, as its folder said when it scored this lake; None where that is not known."""
    found = lake.read_json(f"{SCORERS}/{scorer}.json") if scorer else None
    return str(found["oracle"]) if found and found.get("oracle") else None


def oracle_told(oracle: str | None) -> str:
    """What follows a scorer's version wherever it is told. The rubric is named as what it is."""
    return "" if oracle is None else f", which learned from {oracle}" + (" (it counts, it does not judge)" if oracle == "rubric" else "")


def scorers(lake: Lake) -> dict[str, str]:
    """Versions that annotate/scores holds, and of what kind of candidates each is."""
    found = {version for batch in lake.scan(SCORES, ["version"]) for version in pc.unique(batch.column("version")).to_pylist()}
    return {version: kind_of(lake, version) for version in sorted(found)}


def kind_of(lake: Lake, scorer: str) -> str:
    """As the scorer's folder said when it scored this lake."""
    return str((lake.read_json(f"{SCORERS}/{scorer}.json") or {}).get("kind", FILE))


def cut(counts: np.ndarray, share: float) -> int:
    """The percent below which nearest to `share` of the files lie; the lower of two that are as near."""
    below = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return int(np.argmin(np.abs(below - share * counts.sum())))


def new_cuts(policy: Policy, scorer: str, counts: Counts) -> pa.Table:
    """Rows of decide/cuts for a population of scored files; none where the policy asks for none or the population is empty."""
    whole = sum(counts.values(), np.zeros(101, np.int64))
    if policy.drop_worst is None or not whole.sum():
        return CUTS.arrow_schema.empty_table()
    found = {ALL_LANGUAGES: whole}
    if policy.drop_worst_per_language:
        found |= {name: one for name, one in sorted(counts.items()) if one.sum() >= LEAST_FILES}
    rows = []
    for language, one in found.items():
        least = cut(one, policy.drop_worst)
        rows.append(
            {
                "policy": policy.name,
                "scorer": scorer,
                "drop_worst": policy.drop_worst,
                "scope": scope(policy),
                "language": language,
                "min_score_percent": least,
                "file_count": int(one.sum()),
                "below_count": int(one[:least].sum()),
                "population": f"files that passed the gates {policy.gates_hash} of {policy.name}",
            }
        )
    return pa.Table.from_pylist(rows, schema=CUTS.arrow_schema)


def scope(policy: Policy) -> str:
    return "language" if policy.drop_worst_per_language else "all"


def is_cut_of(policy: Policy, scorer: str) -> pc.Expression:
    """Which rows of decide/cuts this policy asks for."""
    return (
        (pc.field("policy") == policy.name)
        & (pc.field("scorer") == scorer)
        & (pc.field("drop_worst") == (-1.0 if policy.drop_worst is None else policy.drop_worst))
        & (pc.field("scope") == scope(policy))
    )


def cut_by_language(cuts: pa.Table) -> dict[str, int]:
    return dict(zip(cuts.column("language").to_pylist(), cuts.column("min_score_percent").to_pylist(), strict=True))


def limits(policy: Policy, cuts: Mapping[str, int], language: pa.Array) -> pa.Array:
    """The least score that files of these languages must have (int64)."""
    encoded = pc.dictionary_encode(language, null_encoding="encode")
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    everywhere, of_all = policy.min_score_percent or 0, cuts.get(ALL_LANGUAGES, 0)
    by_code = [max(everywhere, cuts.get(name or ALL_LANGUAGES, of_all)) for name in encoded.dictionary.to_pylist()]
    return pa.array(by_code, pa.int64()).take(encoded.indices)


def reasons_of(percent: pa.Array, is_seen: pa.Array, least: pa.Array) -> pa.StringArray:
    """Why files that pass the gates are out, by their score, whether the scorer has seen them, and the least that is asked; null where
    they stay."""
    return pc.if_else(pc.is_null(percent), without_score(is_seen), pc.if_else(pc.less(percent, least), LOW_SCORE, None))


def without_score(is_seen: pa.Array) -> pa.StringArray:
    """The reason of what passes all else and has no score."""
    return pc.if_else(is_seen, NOT_FINITE, NOT_SCORED)
