"""A place for what a job puts aside: inside the lake, so that every executor reaches it; gone when the job ends.

What a killed run left is never read. Later runs remove it when it is LEFTOVER_DAYS old: no job runs that long, and nothing else says
whether its run still lives, on whatever machine.
"""

import contextlib
import secrets
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import pyarrow.fs
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from jobs.runtime.parquet_files import read_parquet
from schemas.lake import Lake

FOLDER = "_staging"
LEFTOVER_DAYS = 7
_TIME = "%Y%m%dT%H%M%S"


class Staging:
    """`LAKE/_staging/<time>-<run>-<random>/`."""

    def __init__(self, lake: Lake, run: str) -> None:
        self._lake = lake
        self._name = f"{FOLDER}/{datetime.now(UTC):{_TIME}}-{run}-{secrets.token_hex(3)}"

    def __enter__(self) -> Self:
        remove_leftovers(self._lake, datetime.now(UTC))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        filesystem, root = self._lake.filesystem()
        with contextlib.suppress(OSError):
            filesystem.delete_dir(f"{root}/{self._name}")

    def folder(self, name: str) -> str:
        """An address for plain files, as `filesystem_of` reads it; the folder is there."""
        filesystem, root = self._lake.filesystem()
        filesystem.create_dir(f"{root}/{self._name}/{name}", recursive=True)
        return self.address(name)

    def address(self, name: str) -> str:
        """Of a plain file, as `filesystem_of` reads it."""
        return f"{self._lake.root}/{self._name}/{name}"

    def spark_path(self, name: str) -> str:
        """To write to; `read` reads it."""
        return self._lake.spark_path(f"{self._name}/{name}")

    def read(self, spark: SparkSession, schema: StructType, *names: str) -> DataFrame:
        """Rows of Parquet files, or of folders of them."""
        return read_parquet(spark, schema, map(self.spark_path, names))

    def keep(self, spark: SparkSession, rows: DataFrame, name: str) -> DataFrame:
        """Computes rows once and reads them back."""
        rows.write.mode("overwrite").parquet(self.spark_path(name))
        return self.read(spark, rows.schema, name)


def remove_leftovers(lake: Lake, now: datetime) -> None:
    """Removes folders of staging that were made more than LEFTOVER_DAYS before `now`. Two runs may do it at once."""
    filesystem, root = lake.filesystem()
    for found in filesystem.get_file_info(pyarrow.fs.FileSelector(f"{root}/{FOLDER}", allow_not_found=True)):
        try:
            made = datetime.strptime(found.base_name.partition("-")[0], _TIME).replace(tzinfo=UTC)
        except ValueError:
            continue
        if now - made > timedelta(days=LEFTOVER_DAYS):
            with contextlib.suppress(OSError):
                filesystem.delete_dir(found.path)
