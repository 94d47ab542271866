"""What `codemill explain` says of the verdicts on a repository or a commit."""

from typing import Any

from jobs.decide.rules import REASONS


def verdicts_told(kept: list[dict[str, Any]], dropped: list[dict[str, Any]]) -> list[str]:
    lines = [f"  kept by policy {row['policy']} ({row['policy_hash']}) for {row['split']}" for row in kept]
    for row in dropped:
        lines.append(f"  dropped by policy {row['policy']} ({row['policy_hash']}), because")
        lines += [f"    {reason}: {REASONS.get(reason, '')}" for reason in row["reasons"]]
        lines += [f"      in its place: {row['survivor']}"] if row["survivor"] else []
    return lines if kept or dropped else ["  no policy has judged it yet: `codemill decide`"]
