"""What benchmarks share: processor time of a whole tree of processes, interleaved rounds, the printed result."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import psutil


@dataclass(frozen=True)
class Result:
    """Speeds: a ratio is better when higher. `limit` is the speed of the best that could be, `limit_is` says what that is."""

    name: str
    unit: str
    ours: float
    best_alternative: float
    alternative: str
    ratio: float
    limit: float
    limit_is: str
    ratio_to_limit: float
    input: str


def result(name: str, unit: str, ours: float, best: tuple[str, float], limit: tuple[str, float], given: str) -> Result:
    return Result(
        name, unit, round(ours, 3), round(best[1], 3), best[0], round(ours / best[1], 3), round(limit[1], 3), limit[0],
        round(ours / limit[1], 3), given,
    )  # fmt: skip


def report(found: Result) -> None:
    """A table for people, then one JSON object as the last line."""
    print(f"\n{found.name}: {found.input}")
    for label, speed in (("codemill", found.ours), (found.alternative, found.best_alternative), (f"limit: {found.limit_is}", found.limit)):
        print(f"  {speed:>12,.2f} {found.unit}  {label}")
    print(f"  ratio {found.ratio:.2f}, of the limit {found.ratio_to_limit:.2f}")
    print(json.dumps(asdict(found)))


def interleaved(
    variants: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """The least time of each variant over some rounds, each round running all of them in turn."""
    least = dict.fromkeys(variants, float("inf"))
    for _ in range(rounds):
        for name, variant in variants.items():
            start = clock()
            variant()
            least[name] = min(least[name], clock() - start)
            print(f"  {name}: {clock() - start:.2f} s", flush=True)
    return least


def tree_cpu_s(root: psutil.Process | None = None) -> float:
    """Processor seconds of a process (this one), of all that run below it, and of those below that have ended."""
    total = 0.0
    root = root or psutil.Process()
    for process in [root, *root.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def cores() -> int:
    return int(os.environ.get("CODEMILL_CORES") or os.cpu_count() or 1)
