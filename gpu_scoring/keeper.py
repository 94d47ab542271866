"""Answers are safe on this machine as soon as they are there, and travel into the lake now and then."""

import re
import time
from typing import Any

import pyarrow as pa
from deltalake.exceptions import DeltaError

from gpu_scoring.label_table import LabelTable
from gpu_scoring.worksheet import Worksheet, WorksheetError
from schemas.annotate import LABELS
from schemas.delta_files import OvertakenError
from schemas.lake import Lake, LakeError

COMMIT_ROWS = 1000
COMMIT_S = 60.0  # a machine that is lost takes no more with it
MOST_CHARACTERS = 400  # of an error
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # those of object stores are drawn as trees


class Keeper:
    """What it is given to keep is in the worksheet when it returns, and in the lake a minute or a thousand answers later."""

    def __init__(self, lake: Lake, worksheet: Worksheet) -> None:
        self._lake, self._worksheet, self._table = lake, worksheet, LabelTable(lake)
        self._recorded, self._committed_at = 0, time.monotonic()
        self._unwritten: list[dict[str, Any]] = []  # what the worksheet did not take, and its last error
        self._error: WorksheetError | None = None

    def keep(self, rows: list[dict[str, Any]]) -> None:
        """`rows` of annotate/labels, maybe none: it is told so that it can look at the clock.

        Raises what `commit` does, and WorksheetError where the worksheet takes no more: the next commit brings the lake those rows too.
        """
        self.record(rows)
        if self._error:
            raise self._error
        if self._recorded >= COMMIT_ROWS or time.monotonic() - self._committed_at > COMMIT_S:
            self.commit()

    def record(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            try:
                self._worksheet.record(row)
            except WorksheetError as error:
                self._unwritten.append(row)
                self._error = error
        self._recorded += len(rows)

    def commit(self) -> None:
        """Raises LakeError where the lake does not take what the worksheet holds, which then still holds it."""
        rows = pa.concat_tables([self._worksheet.answers(), pa.Table.from_pylist(self._unwritten, LABELS.arrow_schema)])
        try:
            if rows.num_rows:
                self._table.put(rows)
        except (OSError, DeltaError, OvertakenError) as error:
            lost = len(self._unwritten)
            told = f"{lost:,} that neither takes are lost" if lost else "nothing is lost"
            raise LakeError(
                f"{self._lake.path(LABELS.name)} cannot be written: {_in_a_line(error)}.\n"
                f"{rows.num_rows - lost:,} answers wait in {self._worksheet.path}, and {told}: the same command puts them into the lake."
            ) from error
        self._unwritten = []
        self._worksheet.forget_answers()
        self._recorded, self._committed_at = 0, time.monotonic()


def _in_a_line(error: Exception) -> str:
    return " ".join(_COLOURS.sub("", str(error)).split())[:MOST_CHARACTERS]
