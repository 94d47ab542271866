"""Writing the report of a lake to a file."""

import os
from pathlib import Path

from jobs.report.facts import collect
from jobs.report.page import render


def write_report(lake: str, out: Path) -> Path:
    """Writes the page of `lake` to `out` and returns `out`. The file appears whole or not at all.

    Raises `LakeError` where there is no lake, `ContractError` where a table is not as declared, `OSError` where `out` cannot be written.
    """
    page = render(collect(lake))
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return out
