"""Named policies. `paper` is the report's, as far as it says; `demo` is for code without repository facts, as it lies on a laptop."""

from jobs.decide.policy import Policy
from jobs.decide.syntax_thresholds import MAX_ERROR_SHARE
from jobs.runtime.errors import UsageError

_BY_LANGUAGE = tuple(sorted(MAX_ERROR_SHARE.items()))

PROFILES = {
    policy.name: policy
    for policy in (
        Policy("paper", max_error_share_by_language=_BY_LANGUAGE),
        Policy(
            "demo", max_error_share_by_language=_BY_LANGUAGE, keep_unknown_repository_facts=True, min_commits=None, min_maintained_days=None
        ),
    )
}


def profile(name: str) -> Policy:
    """Raises `UsageError` naming the profiles there are."""
    if name not in PROFILES:
        raise UsageError(f"there is no profile {name!r}. There are: {', '.join(sorted(PROFILES))} (jobs/decide/profiles.py)")
    return PROFILES[name]
