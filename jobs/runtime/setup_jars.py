"""Set-up: resolves Delta's jars once, so that no session has to; with `--s3` those of S3, 640 MB, which only lakes on S3 need.

`python -m jobs.runtime.setup_jars [--s3]`. Spark's own resolver fetches the packages; what Spark already has is left out; what is kept
must have the hash written here.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jobs.runtime.java import use_java
from jobs.runtime.session import DELTA_PACKAGE, S3_PACKAGE, jar_folder, s3_jar_folder

_RESOLVE = """
from pyspark.sql import SparkSession
SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1").getOrCreate().stop()
"""


def wanted(hashes: str) -> dict[str, str]:
    """SHA-256 by file name."""
    written = Path(__file__).with_name(hashes).read_text()
    lines = (line.split() for line in written.splitlines() if line.strip())
    return {name: sha256 for sha256, name in lines}


def missing(hashes: str, folder: Path) -> list[str]:
    """Names of jars that are not there, or not with their hash. Raises SystemExit for one that is there with another."""
    absent = []
    for name, sha256 in wanted(hashes).items():
        path = folder / name
        if not path.is_file():
            absent.append(name)
        elif digest(path) != sha256:
            sys.exit(f"{path} has SHA-256 {digest(path)}; expected {sha256}. Remove it and run set-up again.")
    return absent


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve(package: str, folder: Path) -> None:
    """Lets Spark resolve a Maven package into `folder/jars`."""
    submit = f"--conf spark.jars.ivy={folder} --packages {package} pyspark-shell"
    environment = os.environ | {"PYSPARK_SUBMIT_ARGS": submit}
    done = subprocess.run([sys.executable, "-c", _RESOLVE], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"Spark could not resolve {package}:\n{done.stderr[-3000:]}")


def bring(package: str, hashes: str, folder: Path) -> None:
    """Makes the jars of a package be in a folder."""
    absent = missing(hashes, folder)
    if not absent:
        return
    print(f"resolving {package}: {len(absent)} jars")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as resolved:
        resolve(package, Path(resolved))
        for name in absent:
            shutil.move(Path(resolved) / "jars" / name, folder / name)
    if missing(hashes, folder):
        sys.exit(f"these jars are not to be had: {', '.join(missing(hashes, folder))}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m jobs.runtime.setup_jars", description="Brings the jars that sessions start with.")
    parser.add_argument("--s3", action="store_true", help="those of S3 instead of Delta's")
    use_java()
    if parser.parse_args().s3:
        bring(S3_PACKAGE, "jars-s3.sha256", s3_jar_folder())
    else:
        bring(DELTA_PACKAGE, "jars.sha256", jar_folder())


if __name__ == "__main__":
    main()
