"""The JVM of a local session: the classes that set-up archived for it, and what it says that nobody needs to read."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway

# Spark's launcher asks for this module by name, and Java warns of it before any of its logging can be configured.
NOISE = (b"WARNING: Using incubator modules: jdk.incubator.vector",)

# What Java says of its own doings, on stderr and only where it is an error.
ERRORS_ONLY = "-Xlog:disable -Xlog:all=error:stderr"


def class_archive(jars: Path) -> Path:
    """Where set-up keeps the archive of the classes that Spark and Delta load; see docs/decisions/0023."""
    return jars / "classes.jsa"


def archive_options(jars: Path) -> str:
    """Java's options to start from the archive.

    An archive that does not fit the Java or the jars to the byte is not used. Java would say so as a warning, which is switched off with
    all others of the JVM's own; errors stay.
    """
    return f"-XX:SharedArchiveFile={class_archive(jars)} {ERRORS_ONLY}" if class_archive(jars).exists() else ""


def start_jvm(settings: Mapping[str, str]) -> None:
    """Starts the JVM of this process with these settings, where there is none yet.

    What it writes to stderr goes on to ours, less `NOISE`.
    """
    if SparkContext._gateway is not None:
        return
    reading, writing = os.pipe()
    try:
        conf = SparkConf(loadDefaults=False).setAll(list(settings.items()))
        gateway = launch_gateway(conf, {"stderr": writing})  # type: ignore[no-untyped-call]
        SparkContext._ensure_initialized(gateway=gateway)
    finally:
        os.close(writing)
        threading.Thread(target=pass_on, args=(reading, 2), daemon=True).start()


def end_jvm() -> None:
    """Ends the JVM of this process and returns when it is gone. The process can start no other."""
    gateway = SparkContext._gateway
    assert gateway is not None
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


def pass_on(reading: int, to: int) -> None:
    """Copies whole lines from one file descriptor to another until the first ends, without those of `NOISE`."""
    rest = b""
    while part := os.read(reading, 1 << 16):
        *lines, rest = (rest + part).split(b"\n")
        os.write(to, b"".join(line + b"\n" for line in lines if not line.startswith(NOISE)))
    os.write(to, rest)
    os.close(reading)
