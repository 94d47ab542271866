"""The job that exports: every format from one run of tasks, checked, repeated, and found again by `codemill where`."""

import hashlib
import json

import numpy as np
import pytest

from jobs.assemble.documents import FILE_LAYOUT
from jobs.cli import main
from jobs.mix import exports, sequences, shards
from jobs.mix.card_facts import card_facts
from jobs.mix.exports import ExportsParams
from jobs.mix.mixtures import export_folder
from jobs.mix.sequences import SequencesParams
from jobs.mix.shards import ShardsParams
from jobs.runtime.errors import CodemillError, UsageError
from schemas.assemble import DOCUMENTS
from schemas.decide import KEPT
from schemas.ingest import CONTENTS
from schemas.mix import TOKENIZERS
from tests.export_cases import contents
from tests.export_readers import reader
from tests.job_runs import run_job
from tests.table_rows import put_rows
from udfs.export_formats import FORMATS
from udfs.exports import verify_export
from udfs.manifest import ShardError
from udfs.tokenizer import load, train

FUNCTION = "def name_{0}(argument):\n    return {0} * argument\n"
TEXTS = ["x = 1\n" * 300, "", *(FUNCTION.format(number) * (1 + number % 7) for number in range(40))]
ALL = ExportsParams(tuple(FORMATS))


def key(text):
    return hashlib.sha256(text.encode()).hexdigest()


def size(text):
    return len(text.encode())


def put(tables, table, rows):
    put_rows(tables.lake, table, rows, "append")


def done(tables, job, params):
    run_job(tables, job, params)


@pytest.fixture
def lake(tables):
    """A lake with shards of two splits, and none of exports."""
    text = train(iter(TEXTS), 300)
    common = {"kind": "file", "policy": "demo", "policy_hash": "hash", "repository": "r", "language": "Python", "token_estimate": 1}
    verdicts = [
        common | {"candidate": key(t), "path": f"{n}.py", "size_bytes": size(t), "split": "held_out" if n % 5 == 3 else "train"}
        for n, t in enumerate(TEXTS)
    ]
    put(tables, KEPT, [tuple(row.get(name) for name in KEPT.names) for row in verdicts])
    put(tables, CONTENTS, [(key(text), text, size(text)) for text in TEXTS])
    put(tables, DOCUMENTS, [("file", key(text), FILE_LAYOUT, [key(text)], size(text), None, key(text)[:16], None) for text in TEXTS])
    put(tables, TOKENIZERS, [("default", key(text), text, 300, "trained", 1, 1)])
    done(tables, sequences, SequencesParams("demo", "default", window=32, hash_groups=4, fim_rate=0.0))
    done(tables, shards, ShardsParams("demo", groups_per_shard=2))
    return tables


def test_exports_hold_every_document_and_are_the_same_when_made_again(lake, tmp_path, capsys):
    assert exports.is_changed(lake.lake, ALL)
    done(lake, exports, ALL)
    assert not exports.is_changed(lake.lake, ALL)
    tokenizer = load((tmp_path / "lake/mix/shards/tokenizer.json").read_text())
    folders = {format: tmp_path / "lake" / "mix" / "exports" / format for format in FORMATS}
    found = {format: verify_export(str(folder)) for format, folder in folders.items()}
    for export in found.values():
        parts = {name: split.shards for name, split in export.splits.items()}
        assert {name: sum(shard.documents for shard in own) for name, own in parts.items()} == {"train": 34, "held_out": 8}
        assert not any(shard.cut_documents for own in parts.values() for shard in own)
    texts = sorted(megatron_texts(found["megatron"], folders["megatron"], tokenizer, tmp_path))
    assert texts == sorted(TEXTS)
    first = {format: contents(folder) for format, folder in folders.items()}
    done(lake, exports, ALL)
    assert {format: contents(folder) for format, folder in folders.items()} == first

    assert main(["where", key(TEXTS[0]), "--lake", lake.lake.root, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    flat = [place["exports"]["flat"] | {"count": place["token_count"]} for place in told["shards"]]
    gathered = [np.memmap(folders["flat"] / at["file"], "uint16", "r")[at["token"] :][: at["count"]] for at in flat]
    assert text_of(tokenizer, np.concatenate(gathered).tolist()) == TEXTS[0]
    assert told["exports"] == {"demo": dict.fromkeys(FORMATS, "current")}
    assert told["sequences"] == sorted({place["sequence"] for place in told["shards"]})

    # What the jobs counted with Spark is what the card counts without it.
    assert card_facts(lake.lake)[0]["differences"] == []
    lake.spark.sql(f"delete from delta.`{lake.lake.spark_path(KEPT.name)}` where candidate = '{key(TEXTS[5])}'")
    (said,) = card_facts(lake.lake)[0]["differences"]
    assert "keeps other candidates today" in said

    # Another mixture changes nothing of this one, and has places of its own.
    second = {"profile": "demo", "mixture": "second"}
    done(lake, sequences, SequencesParams(window=16, hash_groups=4, fim_rate=0.0, **second))
    done(lake, shards, ShardsParams(**second))
    done(lake, exports, ExportsParams(("flat",), **second))
    assert verify_export(export_folder(lake.lake, "flat", "mix/shards-second")).mixture == "second"
    assert not exports.is_changed(lake.lake, ALL) and not shards.is_changed(lake.lake, ShardsParams("demo"))
    assert main(["where", key(TEXTS[1]), "--lake", lake.lake.root, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["exports"] == {"demo": dict.fromkeys(FORMATS, "current"), "second": {"flat": "current"}}
    assert {place["folder"] for place in told["shards"]} == {"mix/shards", "mix/shards-second"}
    assert main(["verify", "--lake", lake.lake.root]) == 0
    assert capsys.readouterr().out.count("is whole") == 1 + len(FORMATS) + 2

    done(lake, shards, ShardsParams("demo", groups_per_shard=1))
    assert exports.is_changed(lake.lake, ALL)
    assert main(["where", key(TEXTS[0])[:9], "--lake", lake.lake.root]) == 0
    assert "the flat export of demo is of other shards: `codemill mix.exports --formats flat" in capsys.readouterr().out


def megatron_texts(export, folder, tokenizer, logs):
    """What Megatron's own reader reads, as text."""
    with reader("megatron", logs) as megatron:
        for name, split in export.splits.items():
            for shard in split.shards:
                number = shard.files[0].file.rpartition("/")[2].removesuffix(".bin")
                for tokens in megatron.read(folder / name / number)["documents"]:
                    yield text_of(tokenizer, tokens)


def text_of(tokenizer, tokens):
    assert tokens[-1] == tokenizer.end_id
    return tokenizer.model.decode(tokens[:-1])


def test_without_a_format_nothing_is_done_and_an_unknown_one_is_a_wrong_command(tables):
    assert exports.idle(tables.lake, ALL) is None
    assert exports.idle(tables.lake, ExportsParams()) == "no format is named, nothing is exported; there are megatron, mds, flat"
    with pytest.raises(UsageError, match=r"mix\.exports\.formats=zarr: expected some of megatron, mds, flat"):
        ExportsParams(("flat", "zarr")).check()
    with pytest.raises(CodemillError, match=r"`codemill mix\.shards --lake"):
        done(tables, exports, ALL)
    with pytest.raises(ShardError):
        verify_export(export_folder(tables.lake, "flat"))
