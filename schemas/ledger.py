"""The ledger: one row per job run. Written by delta-rs, because jobs without Spark write it too."""

import pyarrow as pa

from schemas.table import Column, Table

_COUNT = pa.struct([pa.field("name", pa.string(), False), pa.field("count", pa.int64(), False)])

LEDGER = Table(
    name="ledger",
    meaning="one row per job run: what was read, written and refused, how long it took, from which versions",
    columns=(
        Column("run", pa.string(), "start in UTC and a random part; runs of one `codemill run` share it"),
        Column("job", pa.string(), "`<phase>.<name>`"),
        Column("status", pa.string(), "done, unchanged or failed"),
        Column("started_at", pa.timestamp("us", "UTC"), "start of the job"),
        Column("elapsed_s", pa.float64(), "wall-clock seconds"),
        Column("read_rows", pa.int64(), "rows or entries that the job looked at"),
        Column("read_bytes", pa.int64(), "text or raw bytes among them"),
        Column("written_rows", pa.int64(), "rows added or changed, over all its tables"),
        Column("removed_rows", pa.int64(), "rows deleted, over all its tables"),
        Column("written", pa.list_(_COUNT), "rows added or changed, by table"),
        Column("dropped", pa.list_(_COUNT), "candidates dropped, by reason; a candidate counts once for each of its reasons"),
        Column("rejected", pa.list_(_COUNT), "entries rejected, by reason"),
        Column("parameters", pa.string(), "JSON"),
        Column("versions", pa.string(), "JSON: codemill, libraries, and the version of each table that was read or written"),
        Column(
            "fingerprint", pa.string(), "hash of parameters, code, libraries; where it and what was read are as before, nothing is to do"
        ),
        Column("error", pa.string(), "what failed", True),
    ),
    key=("run", "job"),
    writer="delta-rs",
)
