"""Named policies. `paper` is the report's, as far as it says; `demo` is for code without repository facts, as it lies on a laptop."""

from dataclasses import dataclass

from jobs.decide.policy import Policy, with_changes
from jobs.decide.syntax_thresholds import MAX_ERROR_SHARE
from jobs.runtime.errors import UsageError
from jobs.runtime.job import parameter

_BY_LANGUAGE = tuple(sorted(MAX_ERROR_SHARE.items()))

PROFILES = {
    policy.name: policy
    for policy in (
        Policy("paper", max_error_share_by_language=_BY_LANGUAGE, min_repository_score_percent=60),
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


@dataclass(frozen=True)
class PolicyParams:
    """What names the policy, for the jobs that apply it."""

    profile: str = parameter("demo", "name of the policy: paper or demo")
    policy: tuple[str, ...] = parameter((), "changes to the profile, FIELD=VALUE (repeatable); the verdicts still carry the profile's name")

    def resolved(self) -> Policy:
        for change in self.policy:
            if "=" not in change:
                raise UsageError(f"--policy {change}: expected FIELD=VALUE, such as max_error_share=0.05")
        return with_changes(profile(self.profile), dict(change.split("=", 1) for change in self.policy))
