"""A tokenizer that was trained when less was held out is not used any more."""

import dataclasses
import datetime
import hashlib
import json

import pytest

from jobs.assemble.documents import FILE_LAYOUT
from jobs.commands.held_out import check_draw
from jobs.mix import tokenizer
from jobs.mix.tokenizer import TokenizerParams
from jobs.pipeline import job_named, parameters
from jobs.runtime.errors import UsageError
from jobs.runtime.job import parameters_json
from jobs.runtime.ledger import JobRun
from schemas.assemble import DOCUMENTS
from schemas.decide import KEPT
from schemas.delta_files import append
from schemas.ingest import CONTENTS
from schemas.ledger import LEDGER
from schemas.mix import TOKENIZERS
from tests.table_rows import put_rows

PARAMS = TokenizerParams(vocabulary_size=300)


def put(tables, table, row):
    put_rows(tables.lake, table, [row])


def ran(tables, job, parameters, **written):
    """A row of the ledger, a second after the one before."""
    place = sum(batch.num_rows for batch in tables.lake.scan(LEDGER, ["run"]))
    at = datetime.datetime(2026, 1, 1, 0, 0, place, tzinfo=datetime.UTC)
    row = JobRun(f"run {place}", job, "done", at, parameters=parameters, written=written)
    append(tables.lake, LEDGER, row.to_arrow())


def held_out(tables, rate):
    ran(tables, "decide.features", json.dumps({"held_out_rate": rate, "held_out_seed": "held-out"}))


def trained(tables, params=PARAMS):
    for write in tokenizer.transform(tables, params):
        ran(tables, "mix.tokenizer", parameters_json(params), **{TOKENIZERS.name: tables.apply(write).rows})


def test_it_serves_while_no_more_is_held_out_and_another_one_can_be_trained(tables):
    text = "def name(argument):\n    return argument\n" * 20
    name = hashlib.sha256(text.encode()).hexdigest()
    verdict = {"kind": "file", "candidate": name, "policy": "demo", "policy_hash": "h", "repository": "r", "path": "a.py", "split": "train"}
    put(tables, KEPT, verdict | {"size_bytes": len(text), "token_estimate": 1})
    put(tables, CONTENTS, {"content_sha256": name, "text": text, "size_bytes": len(text)})
    document = {
        "kind": "file",
        "candidate": name,
        "layout": FILE_LAYOUT,
        "contents": [name],
        "size_bytes": len(text),
        "text_hash": name[:16],
    }
    put(tables, DOCUMENTS, document)
    held_out(tables, 0.1)
    trained(tables)
    assert tables[TOKENIZERS].count() == 1
    for rate in (0.1, 0.05):
        held_out(tables, rate)
        trained(tables)
    held_out(tables, 0.2)
    with pytest.raises(UsageError, match=r"at a rate of 0\.2 .* mix\.tokenizer last trained it was 0\.1 .*--set mix\.tokenizer\.name=NAME"):
        trained(tables)
    held_out(tables, 0.1)
    planned = [(job_named(name), parameters(job_named(name), "demo", {})) for name in ("decide.features", "mix.tokenizer")]
    with pytest.raises(UsageError, match=r"at a rate of 0\.15"):
        check_draw(tables.lake, planned)  # before anything of the run that would hold out more
    trained(tables, dataclasses.replace(PARAMS, name="another"))
    assert {row.name for row in tables[TOKENIZERS].collect()} == {"default", "another"}
