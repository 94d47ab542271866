"""Whether the two tables of near-duplicates are of one run.

They are written one after the other, and the second says what has been seen. A run that is killed between them, or two at once of which
the one that knew less ends last, leaves them so that nothing looks new: then everything is computed again. The ledger has the versions
with which the run that began last ended, and Delta's log whether rows were written since.
"""

import json

import pyarrow.compute as pc

from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES
from schemas.lake import Lake
from schemas.ledger import LEDGER

JOB_NAME = "annotate.duplicates"
_LOOK_BACK = 20  # commits
_ROWS_WRITTEN = ("WRITE", "MERGE")  # others, such as OPTIMIZE, leave the rows as they are


def is_torn(lake: Lake) -> bool:
    """False where no run has ended: then there are no groups yet, or nobody knows of which run they are."""
    if lake.version(DUPLICATES) is None:
        return False
    if lake.version(DUPLICATE_PAIRS) is None:
        return True
    is_it = (pc.field("job") == JOB_NAME) & (pc.field("status") != "failed")
    ended = lake.read(LEDGER, ["started_at", "versions"], is_it).sort_by("started_at").to_pylist()
    if not ended:
        return False
    then = json.loads(ended[-1]["versions"])["tables"]
    for table in (DUPLICATE_PAIRS, DUPLICATES):
        commits = lake.history(table, _LOOK_BACK)
        if any(commit["version"] > then.get(table.name, -1) and commit["operation"] in _ROWS_WRITTEN for commit in commits):
            return True
    return False
