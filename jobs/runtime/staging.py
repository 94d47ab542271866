"""A place for what a job puts aside: inside the lake, so that every executor reaches it; gone when the job ends."""

import contextlib
import secrets
from types import TracebackType
from typing import Self

from pyspark.sql import DataFrame, SparkSession

from schemas.lake import Lake

FOLDER = "_staging"


class Staging:
    """`LAKE/_staging/<run>-<random>/`. What a killed run left there is never read."""

    def __init__(self, lake: Lake, run: str) -> None:
        self._lake = lake
        self._name = f"{FOLDER}/{run}-{secrets.token_hex(3)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        filesystem, root = self._lake.filesystem()
        with contextlib.suppress(OSError):
            filesystem.delete_dir(f"{root}/{self._name}")

    def folder(self, name: str) -> str:
        """An address for plain files, as `filesystem_of` reads it; the folder is there."""
        filesystem, root = self._lake.filesystem()
        filesystem.create_dir(f"{root}/{self._name}/{name}", recursive=True)
        return f"{self._lake.root}/{self._name}/{name}"

    def keep(self, spark: SparkSession, rows: DataFrame, name: str) -> DataFrame:
        """Computes rows once and reads them back."""
        path = self._lake.spark_path(f"{self._name}/{name}")
        rows.write.mode("overwrite").parquet(path)
        return spark.read.schema(rows.schema).parquet(path)
