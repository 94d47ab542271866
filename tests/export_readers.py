"""The readers of other trainers, as processes of the environment that `make test` sets up beside our own."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = Path(os.environ.get("CODEMILL_READERS", ROOT / ".venv-readers")) / "bin" / "python"


class Reader:
    """Asks a running `tests/readers/reader.py`."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log

    def read(self, path: Path | str) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._log.read_text()[-4000:]
        return dict(json.loads(line))


@contextmanager
def reader(format: str, folder: Path) -> Iterator[Reader]:
    """Skips where the environment is not there, and fails in CI, where it must be."""
    if not PYTHON.exists():
        message = f"{PYTHON} is not here; `make .venv-readers/.stamp` makes it"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    log = folder / f"{format}.log"
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    with log.open("w") as errors:
        process = subprocess.Popen(
            [PYTHON, ROOT / "tests" / "readers" / "reader.py", format],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        )
    try:
        yield Reader(process, log)
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
