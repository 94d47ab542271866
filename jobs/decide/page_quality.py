"""What a scorer of pages decides, where the policy names one as their judge. No Spark: `decide.verdicts` and what-if call the same.

Asked is the same as of the models of pages, which are its stand-in: a least rating by kind of site. It is asked of pages that pass all
else, for these alone have a score; there is no cut, since one over all kinds of sites would be a cut of forums.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.decide.page_rules import least_page_quality
from jobs.decide.policy import Policy
from jobs.decide.quality import NOT_SCORED, oracle_told
from jobs.runtime.errors import CodemillError
from schemas.lake import Lake

LOW_PAGE_QUALITY = "low_page_quality"


def is_scored(policy: Policy) -> bool:
    return policy.page_quality == "scorer"


def page_limits(policy: Policy, categories: pa.Array) -> pa.Int64Array:
    """The least whole percent that pages on these kinds of sites must have."""
    return pa.array(np.ceil(least_page_quality(policy, categories)).astype(np.int64))


def page_reasons_of(percent: pa.Array, least: pa.Array) -> pa.StringArray:
    """Why pages that pass the gates are out, by their score and the least that is asked; null where they stay."""
    return pc.if_else(pc.is_null(percent), NOT_SCORED, pc.if_else(pc.less(percent, least), LOW_PAGE_QUALITY, None))


def no_page_scorer(lake: Lake) -> CodemillError:
    return CodemillError(
        "the policy has pages rated by a scorer (page_quality=scorer), and no scorer of pages has scored this lake.\n"
        f"Expected what `codemill score --kind page --lake {lake.root} --model FOLDER` writes; `--policy page_quality=models` asks the"
        " models of pages instead."
    )


def judge_told(scorer: str | None, oracle: str | None = None) -> str:
    """Who rated pages, for people: a scorer, or None for the models of pages."""
    return f"scorer {scorer}{oracle_told(oracle)}" if scorer else "the models of pages, a stand-in for a scorer"
