"""What a job is: the one declaration from which the command line, the order, the DAG and the ledger are made."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from jobs.runtime.errors import UsageError
from schemas.delta_files import DataFile
from schemas.table import Table


@dataclass(frozen=True)
class Insert:
    """Adds the rows whose key the table does not hold yet. Safe to repeat, safe beside another run that does the same."""

    table: Table
    rows: DataFrame


@dataclass(frozen=True)
class Replace:
    """Replaces, in one commit, the rows where `column` is `value` (all rows where `column` is None) by `rows`."""

    table: Table
    rows: DataFrame
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """Makes the table's rows of the given `scopes` equal to `rows`, in one commit that touches only what differs.

    `scopes` has one column, named as the table's column that it scopes (`repository`): its rows may add, change and vanish.
    None: the keys of `rows` are all that is looked at, so nothing vanishes.
    """

    table: Table
    rows: DataFrame
    scopes: DataFrame | None


@dataclass(frozen=True)
class Change:
    """Puts `rows` in the place of those that have their keys, and removes the keys `gone`, in one commit.

    Nothing is compared: the job knows what differs, and the rows are texts. `keys` are those of `rows`, known without making them.
    """

    table: Table
    rows: DataFrame
    keys: DataFrame
    gone: DataFrame


@dataclass(frozen=True)
class AddFiles:
    """Adds Parquet files that tasks wrote into the folder of a table that delta-rs writes.

    `choose(version)` gives those whose rows that version of the table lacks; it is asked again where another run committed meanwhile.
    """

    table: Table
    choose: Callable[[int], list[DataFile]]


@dataclass(frozen=True)
class ReplaceFiles:
    """Replaces, in one commit, the files whose partition column `column` is `value` by files that tasks wrote into the table's folder."""

    table: Table
    files: list[DataFile]
    column: str
    value: str


@dataclass(frozen=True)
class ReplaceRows:
    """Puts rows that the driver holds in the place of those for which `where` holds, in one commit; nothing where they are the same.

    The driver reads and writes all of the table.
    """

    table: Table
    rows: pa.Table
    where: pc.Expression


@dataclass(frozen=True)
class SnapshotRows:
    """As `Snapshot`, of rows that the driver holds: those of which `column` is one of `scope` become equal to `rows`. A row of another
    scope that has the key of one of `rows` goes. For tables without checks."""

    table: Table
    rows: pa.Table
    column: str
    scope: pa.Array


Write = Insert | Replace | Snapshot | Change | AddFiles | ReplaceFiles | ReplaceRows | SnapshotRows


@dataclass
class Account:
    """What a job looked at and refused; the runtime counts what Spark wrote, the job what it wrote without.

    `remark` stands in place of the counts where the job is told of.
    """

    read_rows: int = 0
    read_bytes: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    remark: str = ""


@dataclass(frozen=True)
class NoParams:
    """A job without parameters."""


@dataclass(frozen=True)
class Job:
    """A job of the pipeline.

    `transform(tables, params)` yields writes in the order in which they are committed (engine `spark`), or does the work itself and
    yields nothing (engine `python`, or `worker` where an accelerator is of use: `tables.lake`, `account` and `say` are all it has).
    `version` is raised by hand when its code gives other rows.
    `check(params)` raises what is wrong with the parameters, before anything is made or started.
    `is_changed(lake, params)` says whether anything asks for a run beside the tables that are read, which the runtime compares: sources,
    or rows of its own that were removed.
    `idle(lake, params)` says why there is nothing to do, None where there may be: asked before a session is started, which takes longer
    than all that it needs. `identity(params)` is what a name among the parameters stands for, where it can be changed in the code.
    `scope(parameters)` names the part of its tables that a run writes, by the parameters as the ledger has them: a run in another scope
    says nothing of this one. `knows_changes` says that `is_changed` alone tells whether tables changed that it reads.
    """

    name: str
    summary: str
    reads: tuple[Table, ...]
    writes: tuple[Table, ...]
    transform: Callable[[Any, Any], Iterator[Write]]
    params: type = NoParams
    version: int = 1
    engine: str = "spark"
    check: Callable[[Any], object] | None = None
    is_changed: Callable[[Any, Any], bool] | None = None
    idle: Callable[[Any, Any], str | None] | None = None
    identity: Callable[[Any], str] | None = None
    scope: Callable[[dict[str, Any]], str] | None = None
    knows_changes: bool = False

    @property
    def phase(self) -> str:
        return self.name.split(".")[0]


def parameter(default: Any, help: str, least: float | None = None, most: float | None = None) -> Any:
    """A field of a params class with what `--help` says of it. Its type is its annotation: str, int, float, bool or tuple of str."""
    return field(default=default, metadata={"help": help, "least": least, "most": most})


def check_limits(job: str, params: Any) -> None:
    """Raises `UsageError` for the first number that is outside what its field allows; a NaN always is."""
    for found in dataclasses.fields(params):
        least, most, value = found.metadata.get("least"), found.metadata.get("most"), getattr(params, found.name)
        if (least is not None and not value >= least) or (most is not None and not value <= most):
            limits = " and ".join(f"{word} {limit:,}" for word, limit in (("at least", least), ("at most", most)) if limit is not None)
            raise UsageError(f"{job}.{found.name}={value}: expected {limits}")


def parameters_json(params: Any) -> str:
    return json.dumps(dataclasses.asdict(params), sort_keys=True, ensure_ascii=False)


def short_hash(*parts: str) -> str:
    """16 hex digits that identify the parts in order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part.encode())
    return digest.hexdigest()[:16]
