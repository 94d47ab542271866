"""Set-up: archives the classes that Spark and Delta load, so that each later session starts from them.

`python -m jobs.runtime.setup_classes`. Else Java would read, verify and link them anew each time. It writes them as one file when a
session that did real work ends. A Java that cannot (a reduced one has no archive of its own to build on) costs time and nothing else.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyspark
from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from jobs.runtime.java import java_program, use_java
from jobs.runtime.jvm import ERRORS_ONLY, class_archive, end_jvm
from jobs.runtime.session import jar_folder, start_session, stop_session


def origin() -> str:
    """What an archive is bound to: the Java, and name, size and time of each jar."""
    said = subprocess.run([java_program(), "-version"], capture_output=True, text=True, check=False).stderr
    folders = (jar_folder(), Path(pyspark.__file__).parent / "jars")
    jars = [(str(jar), jar.stat().st_size, jar.stat().st_mtime_ns) for folder in folders for jar in sorted(folder.glob("*.jar"))]
    return hashlib.sha256(f"{said} {jars}".encode()).hexdigest()


def archive_classes(target: Path) -> bool:
    """Lets a session do once what all jobs do, and Java write what it loaded. Whether it did."""
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "classes.jsa"
        work(start_session("set-up", java_options=f"-XX:ArchiveClassesAtExit={made} {ERRORS_ONLY}"), scratch)
        stop_session()
        end_jvm()
        if made.exists():
            shutil.copyfile(made, target)
    return target.exists()


def work(spark: SparkSession, folder: str) -> None:
    """Rows through Python, a Delta table written, read, joined, aggregated, changed and merged into."""
    rows = spark.range(1000).mapInArrow(_as_they_are, "id long").selectExpr("id", "id % 7 AS remainder")
    rows.write.format("delta").save(f"{folder}/rows")
    table = DeltaTable.forPath(spark, f"{folder}/rows")
    counts = table.toDF().groupBy("remainder").count().join(table.toDF(), "remainder").repartition("id")
    counts.write.format("delta").mode("overwrite").option("replaceWhere", "id >= 0").save(f"{folder}/counts")
    table.alias("old").merge(rows.alias("new"), "old.id = new.id + 500").whenNotMatchedInsertAll().execute()


def _as_they_are(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
    yield from batches


def main() -> None:
    use_java()
    archive = class_archive(jar_folder())
    bound = archive.with_suffix(".origin")
    if archive.exists() and bound.exists() and bound.read_text() == origin():
        return
    archive.unlink(missing_ok=True)
    print("archiving the classes of Spark and Delta, once")
    if archive_classes(archive):
        bound.write_text(origin())
    else:
        print(f"no classes were archived in {archive}: sessions start some seconds slower", file=sys.stderr)


if __name__ == "__main__":
    main()
