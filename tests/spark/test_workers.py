"""Python workers of a local session import nothing from archives, whose lists Spark would read again before every task, and are talked to
over sockets that do not wait."""

import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.runtime.session import small_data_settings


def test_no_archive_is_on_the_module_path_of_a_worker(spark):
    def paths(batches):
        import sys

        for _ in batches:
            yield pa.RecordBatch.from_pydict({"path": [*sys.path, *sys.path_importer_cache]})

    found = {row.path for row in spark.range(1).mapInArrow(paths, "path string").collect()}
    assert found and not {path for path in found if path.endswith((".jar", "pyspark.zip", "-src.zip"))}


def test_workers_are_not_talked_to_over_tcp(spark):
    """Each task would wait 40 ms for an acknowledgement, and no result would differ."""

    def families(batches):
        import os
        import socket

        for _ in batches:
            numbers = [int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
            found = [name for name in numbers if os.readlink(f"/proc/self/fd/{name}").startswith("socket:")]
            yield pa.RecordBatch.from_pydict({"family": [int(socket.socket(fileno=os.dup(name)).family) for name in found]})

    found = {row.family for row in spark.range(1).mapInArrow(families, "family long").collect()}
    assert found == {int(socket.AF_UNIX)}
    folder = Path(spark.conf.get("spark.python.unix.domain.socket.dir"))
    assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["short", "long" * 30])
def test_sockets_have_short_paths_wherever_temporary_files_are(monkeypatch, name):
    with tempfile.TemporaryDirectory() as root:
        Path(root, name).mkdir()
        monkeypatch.setattr(tempfile, "tempdir", f"{root}/{name}")
        folder = small_data_settings(2)["spark.python.unix.domain.socket.dir"]
        assert len(f"{folder}/.{uuid.uuid4()}.sock") <= 107
        assert folder.startswith(root) == (name == "short")


def test_a_worker_of_which_no_more_rows_are_wanted_ends_without_a_word():
    script = """
from jobs.runtime.session import start_session, stop_session

def many(batches):
    import pyarrow as pa
    for _ in batches:
        for _ in range(2000):
            yield pa.RecordBatch.from_pydict({"text": ["x" * 10_000] * 10})

print(len(start_session("early").range(4).mapInArrow(many, "text string").limit(1).collect()))
stop_session()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n" and "Traceback" not in done.stderr
