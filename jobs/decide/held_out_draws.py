"""Whether what was trained once, and is frozen since, may have learned from what is held out now.

Repositories are held out by a draw of their names at a rate. At a higher rate, or by another draw, texts are held out that were not when
the tokenizer or the classifiers of sets were trained. The ledger knows the draw of every run of `decide.features`.
"""

import json
from collections.abc import Iterable
from typing import Any

from jobs.runtime.errors import UsageError
from jobs.runtime.ledger import runs
from schemas.lake import Lake

Draw = tuple[float, str]  # rate and seed


def check_unseen(lake: Lake, job: str, table: str, remedy: str, planned: Draw | None = None, **parameters: Any) -> None:
    """Raises `UsageError` where a run of the job with these parameters filled the table when less was held out.

    remedy: what to do; planned: the draw of a `decide.features` that is still to run, in place of the last one's.
    """
    then, now = draws(runs(lake), job, table, parameters)
    now = planned or now
    seen = [draw for draw in then if now is not None and now[0] > 0 and (draw[1] != now[1] or draw[0] < now[0])]
    if seen and now is not None:
        raise UsageError(
            f"decide.features holds out at a rate of {now[0]:g} by the draw {now[1]!r}; when {job} last trained it was {seen[0][0]:g} by"
            f" {seen[0][1]!r}, so what it trained has seen texts that are to be held out. {remedy}, or hold out as before:"
            f" --set decide.features.held_out_rate={seen[0][0]:g}"
        )


def draws(ledger: Iterable[dict[str, Any]], job: str, table: str, parameters: dict[str, Any]) -> tuple[list[Draw], Draw | None]:
    """The draws under which the job trained, since it last was asked to train anew; and that of now. `ledger` is in order of time."""
    then: list[Draw] = []
    now: Draw | None = None
    for run in (run for run in ledger if run["status"] == "done"):
        asked = json.loads(run["parameters"])
        if run["job"] == "decide.features" and "held_out_rate" in asked:
            now = asked["held_out_rate"], asked["held_out_seed"]
        has_trained = any(one["name"] == table and one["count"] for one in run["written"])
        if run["job"] == job and has_trained and all(asked.get(name) == value for name, value in parameters.items()):
            then = [] if asked.get("retrain") else then
            then += [now] if now is not None else []
    return then, now
