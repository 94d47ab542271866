"""What a command loads before it does anything: a user who asks for help waits for it, and so does every task of the DAG."""

import subprocess
import sys

SLOW = ("awkward", "gigatoken", "numba", "pandas", "scipy", "torch", "transformers")


def test_the_command_line_loads_no_library_that_is_slow_to_import() -> None:
    ask = f"import sys, jobs.cli; jobs.cli.parser(); print([name for name in {SLOW} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
