"""Set-up: resolves Delta's jars once, so that no session has to. `python -m jobs.runtime.setup_jars`.

Spark's own resolver fetches the packages; what Spark already has is left out; what is kept must have the hash written here.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jobs.runtime.java import use_java
from jobs.runtime.session import DELTA_PACKAGE, jar_folder

HASHES = Path(__file__).with_name("jars.sha256")
_RESOLVE = """
from pyspark.sql import SparkSession
SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1").getOrCreate().stop()
"""


def wanted() -> dict[str, str]:
    """SHA-256 by file name."""
    lines = (line.split() for line in HASHES.read_text().splitlines() if line.strip())
    return {name: sha256 for sha256, name in lines}


def missing() -> list[str]:
    """Names of jars that are not there, or not with their hash. Raises SystemExit for one that is there with another."""
    absent = []
    for name, sha256 in wanted().items():
        path = jar_folder() / name
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


def main() -> None:
    use_java()
    absent = missing()
    if not absent:
        return
    print(f"resolving {len(absent)} jars")
    jar_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        resolve(DELTA_PACKAGE, Path(folder))
        for name in absent:
            shutil.move(Path(folder) / "jars" / name, jar_folder() / name)
    if missing():
        sys.exit(f"these jars are not to be had: {', '.join(missing())}")


if __name__ == "__main__":
    main()
