"""The wheel and the zip hold what running them needs, and nothing of the project's folder is needed beside them."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from jobs.runtime.setup_zip import write_zip

ROOT = Path(__file__).parents[2]
DATA = ["jobs/runtime/log4j2.properties", "jobs/runtime/jars.sha256", "jobs/runtime/jars-s3.sha256"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return next(out.glob("codemill-*.whl"))


def test_the_wheel_runs_from_anywhere(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    shown = subprocess.run(
        [sys.executable, "-P", "-c", "import jobs, sys; from jobs.cli import main; print(jobs.__file__); main(['--help'])"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(str(tmp_path / "site"))
    assert "explain" in shown.stdout


def test_the_wheel_and_the_zip_hold_every_module_and_its_data(wheel, tmp_path):
    write_zip(tmp_path / "codemill.zip")
    tracked = subprocess.run(
        ["git", "ls-files", "jobs", "udfs", "schemas", "gpu_scoring", "training"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    expected = set(tracked.stdout.split())
    assert {*DATA, "jobs/report/templates/style.css"} <= expected
    for path in (wheel, tmp_path / "codemill.zip"):
        with zipfile.ZipFile(path) as archive:
            assert expected <= set(archive.namelist()), path.name
            assert not [name for name in archive.namelist() if "__pycache__" in name], path.name


def test_the_zip_needs_no_installed_project_and_no_torch(tmp_path):
    """A cluster has the libraries, and of ours only the zip; torch is for workers and trainers."""
    write_zip(tmp_path / "codemill.zip")
    script = "import sys; sys.path[:0] = sys.argv[1:]; from jobs import cli; print(cli.__file__, 'torch' in sys.modules); cli.main(['-h'])"
    libraries = sysconfig.get_path("purelib")  # without its .pth files, one of which names the project's folder
    command = [sys.executable, "-S", "-P", "-c", script, str(tmp_path / "codemill.zip"), libraries]
    shown = subprocess.run(command, cwd=tmp_path, env=without_python_path(), capture_output=True, text=True, check=False)
    assert shown.stdout.startswith(f"{tmp_path}/codemill.zip/jobs/cli.py False\n") and "explain" in shown.stdout, shown.stderr


def without_python_path():
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_the_same_sources_give_the_same_zip(tmp_path):
    write_zip(tmp_path / "one.zip")
    write_zip(tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
