"""Which Java runs Spark: 17 or 21 as found, else the one that set-up brought."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SUPPORTED = (17, 21)


def brought_home() -> Path:
    """Where set-up puts a Java of its own: a JAVA_HOME whose `bin/java` is a shim."""
    return Path(sys.prefix) / "java"


def major_version(java: str) -> int | None:
    """The major version of a `java` program, None where it does not run."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else None


def found_java() -> str | None:
    """The `java` that Spark would start by itself, if it is of a supported version."""
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else shutil.which("java")
    return java if java and major_version(java) in SUPPORTED else None


def java_program() -> str:
    """The `java` that Spark starts, once `use_java` has run."""
    home = os.environ.get("JAVA_HOME")
    return f"{home}/bin/java" if home else "java"


def use_java() -> None:
    """Points JAVA_HOME to what set-up brought, where it brought one; it does so only where no supported Java was found."""
    if (brought_home() / "bin" / "java").exists():
        os.environ["JAVA_HOME"] = str(brought_home())
