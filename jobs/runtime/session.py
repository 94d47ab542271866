"""The Spark session: one way to start it on a laptop, one way to take the cluster's.

On a laptop the session is tuned for few cores and little memory. Under spark-submit the cluster's settings stand, and only what
correctness needs is added.
"""

import atexit
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from jobs.runtime.java import use_java
from jobs.runtime.jvm import archive_options, start_jvm

DELTA_PACKAGE = "io.delta:delta-spark_4.1_2.13:4.4.0"
S3_PACKAGE = "org.apache.hadoop:hadoop-aws:3.4.2"

LONGEST_PLACE = 40  # of folders of sockets, which have names of 60 characters below it
# What every session needs, on a laptop and on a cluster.
ALWAYS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.hadoop.parquet.compression.codec.zstd.level": "1",
    # Small row groups: a task that reads texts holds one at a time. The check after every 8 rows keeps 8 large texts from
    # becoming 100 (the default), which is more than a gigabyte.
    "spark.hadoop.parquet.block.size": str(16 << 20),
    "spark.hadoop.parquet.page.size.row.check.min": "8",
    # Of what is another value in each row a dictionary would be built and thrown away: half of what ingest/files costs as Parquet.
    **{f"spark.hadoop.parquet.enable.dictionary#{column}": "false" for column in ("content_sha256", "raw_sha256", "git_blob_id", "path")},
    "spark.sql.files.maxPartitionBytes": str(16 << 20),
    "spark.sql.execution.arrow.maxRecordsPerBatch": "4000",
    "spark.sql.execution.arrow.maxBytesPerBatch": str(32 << 20),  # rows may be long: packets, sets of shingles
    # What Spark keeps for its error messages (the line of ours that made a column) and checks of its own optimiser: without them a column
    # takes half the processor time and a plan three quarters (docs/decisions/0024).
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    "spark.sql.dataFrameQueryContext.enabled": "false",
    "spark.sql.lightweightPlanChangeValidation": "false",
}


# With C1 alone Java sets 48 MB aside for compiled code, which a run of all jobs fills: compilation then stops, and planning can fail for
# want of room (`Out of space in CodeCache for adapters`). 240 MB is Java's own choice with both compilers; what is not used is not taken.
# Java's usual way to start a program (Hadoop's `chmod`) starts a helper first: 0.72 processor seconds for 20 writes of 4 files, 0.57
# without.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC -Djdk.lang.Process.launchMechanism=VFORK"


def small_data_settings(cores: int) -> dict[str, str]:
    """What Spark needs to be told where a few cores of one machine do it all, also under spark-submit with a local master."""
    return {
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.databricks.delta.snapshotPartitions": "2",
        # The rows that Spark itself touches are few and narrow, and the work is in Python and in native code: generating Java for every
        # plan costs more than it saves (100 against 76 processor seconds over five jobs of the demo), and so does C2 (117).
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        # Over TCP each task waits 40 ms for an acknowledgement that its Python worker delays.
        "spark.python.unix.domain.socket.enabled": "true",
        "spark.python.unix.domain.socket.dir": _socket_folder(),
    }


def local_settings(cores: int, memory: str, java_options: str) -> dict[str, str]:
    """Settings for a session inside one process. `memory` is the heap of the JVM, as Java writes it (`1g`)."""
    return small_data_settings(cores) | {
        "spark.master": f"local[{cores}]",
        "spark.driver.memory": memory,
        "spark.python.daemon.module": "jobs.runtime.workers",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        # What Spark would show of jobs that are over, whole plans among it; nothing shows it here.
        "spark.sql.ui.explainMode": "simple",
        "spark.sql.ui.retainedExecutions": "20",
        "spark.ui.retainedJobs": "100",
        "spark.ui.retainedStages": "100",
        "spark.ui.retainedTasks": "1000",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(Path(tempfile.gettempdir()) / "codemill-warehouse"),  # else a folder where the user stands
        "spark.log.structuredLogging.enabled": "false",
        "spark.driver.extraJavaOptions": f"{JAVA_OPTIONS} {java_options} -Dlog4j2.configurationFile={_log_settings()}",
    }


def start_session(app: str, uses_s3: bool = False, java_options: str | None = None) -> SparkSession:
    """The session of this process: the running one, the cluster's under spark-submit, else a local one.

    Only a local one is given jars and Java options (by default those to start from the archive of classes); one that runs already keeps
    those that it was started with.
    """
    logging.getLogger("py4j").setLevel(logging.ERROR)
    logging.getLogger("DataFrameQueryContextLogger").setLevel(logging.CRITICAL + 1)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    use_java()
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    builder = SparkSession.Builder().appName(app)
    settings = ALWAYS | (s3_settings() if uses_s3 else {})
    cores = int(os.environ.get("CODEMILL_CORES") or os.cpu_count() or 1)
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # under spark-submit, whose settings stand
        SparkContext._ensure_initialized()  # without its gateway a SparkConf knows nothing of what was submitted
        submitted = SparkConf()
        if submitted.get("spark.master", "").startswith("local"):
            settings |= small_data_settings(cores)
        settings = {key: value for key, value in settings.items() if not submitted.contains(key)}
    else:
        java_options = archive_options(jar_folder()) if java_options is None else java_options
        settings |= local_settings(cores, os.environ.get("CODEMILL_DRIVER_MEMORY", "1g"), java_options) | jar_settings(uses_s3)
        start_jvm(settings)
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def stop_session() -> None:
    """Stops the session of this process, where there is one: whichever thread started it, and is active in."""
    session = SparkSession._instantiatedSession
    if session is not None:
        session.stop()


def jar_settings(uses_s3: bool) -> dict[str, str]:
    """Jars that set-up resolved, where there are some; else their Maven names, which Spark resolves itself.

    Delta's come before Spark's on the path of classes, as they did when the archive of classes was made. With those of S3, which bring
    libraries of Spark's in other versions, both are added when the session stands: one loader of classes then sees them all.
    """
    found = sorted(map(str, jar_folder().glob("*.jar")))
    of_s3 = sorted(map(str, s3_jar_folder().glob("*.jar"))) if uses_s3 else []
    if found and not uses_s3:
        return {"spark.driver.extraClassPath": str(jar_folder() / "*")}
    packages = ([] if found else [DELTA_PACKAGE]) + ([S3_PACKAGE] if uses_s3 and not of_s3 else [])
    settings = {"spark.jars": ",".join(found + of_s3), "spark.jars.packages": ",".join(packages)}
    return {name: value for name, value in settings.items() if value}


def jar_folder() -> Path:
    return Path(os.environ.get("CODEMILL_JARS") or Path(sys.prefix) / "jars")


def s3_jar_folder() -> Path:
    return jar_folder() / "s3"


def s3_settings() -> dict[str, str]:
    """Settings for an S3 API that is not Amazon's, from the same variables that delta-rs and boto3 read."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return {}
    return {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(endpoint.startswith("https")).lower(),
    }


def _socket_folder() -> str:
    """A folder of this process alone, where no other user sees its sockets. Their paths have 107 bytes at most."""
    place = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="codemill-", dir=place if len(place) <= LONGEST_PLACE else "/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _log_settings() -> Path:
    return Path(__file__).with_name("log4j2.properties")
