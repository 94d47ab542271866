"""An export that is killed in the middle does not look whole, and the next one leaves what an undisturbed one leaves."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.export_cases import contents, export, sequences_of
from udfs.export_formats import FORMATS
from udfs.exports import verify_export
from udfs.manifest import ShardError

ROOT = Path(__file__).parents[2]
SHARDS = [sequences_of([[*range(1, 90), 0], [5, 0]], 16), sequences_of([[*range(1, 70), 0]], 16)]
# Exports the first shard, and of the second one a batch; then it waits for its end.
KILLED = """
import sys, time
from pathlib import Path
from tests import export_cases
from tests.unit.test_export_kills import SHARDS

whole = export_cases.batches

def stalling(rows, size):
    found = whole(rows, 2)
    yield next(found)
    if rows is SHARDS[1]:
        print("in the middle", flush=True)
        time.sleep(600)
    yield from found

export_cases.batches = stalling
export_cases.export(sys.argv[1], Path(sys.argv[2]), 70_000, SHARDS)
"""


@pytest.mark.parametrize("format", FORMATS)
def test_a_killed_export_is_not_whole_and_the_next_one_is_as_if_nothing_had_happened(tmp_path: Path, format: str) -> None:
    broken, undisturbed = tmp_path / "broken", tmp_path / "undisturbed"
    export(format, broken, 300, [SHARDS[1]])  # an older export, of which nothing may stay
    process = subprocess.Popen([sys.executable, "-c", KILLED, format, broken], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None and process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(ShardError, match=r"has no manifest\.json: it is no export, or its writing was not finished"):
        verify_export(str(broken))
    assert export(format, broken, 70_000, SHARDS) == export(format, undisturbed, 70_000, SHARDS) == verify_export(str(broken))
    assert contents(broken) == contents(undisturbed)
