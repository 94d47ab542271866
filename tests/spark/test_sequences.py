"""Documents are tokenized once: packing again takes their tokens from the sequences, and nobody can tell."""

import hashlib
import json

import pytest

from jobs.assemble.documents import FILE_LAYOUT
from jobs.mix import sequences, tokens
from jobs.mix.sequences import SequencesParams
from jobs.runtime.tables import Tables
from schemas.assemble import DOCUMENTS
from schemas.decide import KEPT
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from schemas.mix import MANIFEST, SEQUENCES, TOKENIZERS
from schemas.spark import spark_schema
from udfs.tokenizer import train

TEXTS = ["x = 1\n" * 500, ""] + [
    f"def name_{number}(argument):\n    return {number} * argument\n" * (1 + number % 7) for number in range(60)
]
PARAMS = SequencesParams("demo", "default", window=32, hash_groups=3)


def key(text):
    return hashlib.sha256(text.encode()).hexdigest()


def size(texts):
    return sum(len(text.encode()) for text in set(texts))


def put(tables, table, rows):
    """The table with these rows and no others."""
    found = tables.spark.createDataFrame(rows, spark_schema(table)).coalesce(1)
    found.write.format("delta").mode("overwrite").save(tables.lake.spark_path(table.name))


def keep(tables, kept, held_out=()):
    """Exactly these texts are kept."""
    found = {"kind": "file", "policy": "demo", "policy_hash": "hash", "repository": "r", "language": "Python", "token_estimate": 1}
    verdicts = [
        found | {"candidate": key(t), "path": f"{key(t)}.py", "size_bytes": size([t]), "split": "held_out" if t in held_out else "train"}
        for t in kept
    ]
    put(tables, KEPT, [tuple(row.get(name) for name in KEPT.names) for row in verdicts])


@pytest.fixture
def lakes(spark, tmp_path):
    """Three lakes with the same texts and tokenizers; one will have a past and the others none."""
    trained = {name: train(iter(texts), 300) for name, texts in (("default", TEXTS), ("other", ["something else entirely, " * 30]))}
    found = []
    for name in ("with a past", "fresh", "fresh too"):
        tables = Tables(spark, Lake.at(str(tmp_path / name)))
        tables.lake.create()
        put(tables, CONTENTS, [(key(text), text, size([text])) for text in TEXTS])
        put(tables, DOCUMENTS, [("file", key(text), FILE_LAYOUT, [key(text)], size([text]), None) for text in TEXTS])
        put(tables, TOKENIZERS, [(n, key(text), text, 300, "trained", 1, 1) for n, text in trained.items()])
        found.append(tables)
    return found


def packed(tables, params=PARAMS):
    """Rows of both tables, and the bytes of text that were tokenized."""
    for write in sequences.transform(tables, params):
        tables.apply(write)
    found = {
        table.name: sorted(json.dumps(row.asDict(recursive=True), sort_keys=True) for row in tables[table].collect())
        for table in (SEQUENCES, MANIFEST)
    }
    return found, tables.account.read_bytes


def test_only_new_documents_are_tokenized_and_the_sequences_are_those_of_a_fresh_lake(lakes):
    tables, fresh, fresh_too = lakes
    before, after, held_out = TEXTS[:50], [*TEXTS[:10], *TEXTS[20:]], TEXTS[20:30]
    keep(tables, before)
    first, tokenized = packed(tables)
    assert tokenized == size(before)
    keep(tables, after, held_out)  # documents came, went, and changed their split
    second, tokenized = packed(tables)
    keep(fresh, after, held_out)
    assert second == packed(fresh)[0] != first
    assert tokenized == size(set(after) - set(before))
    other = SequencesParams("demo", "default", window=7, hash_groups=5, seed="other")
    third, tokenized = packed(tables, other)
    keep(fresh_too, after, held_out)
    assert (third, tokenized) == (packed(fresh_too, other)[0], 0)


def test_a_run_that_another_one_overtakes_doubles_nothing(lakes):
    tables = lakes[0]
    keep(tables, TEXTS[:50])
    packed(tables)
    keep(tables, TEXTS)
    overtaken = next(iter(sequences.transform(Tables(tables.spark, tables.lake), PARAMS)))  # has seen what is new, has not written
    expected, _ = packed(tables)
    tables.apply(overtaken)
    found = sorted(json.dumps(row.asDict(recursive=True), sort_keys=True) for row in tables[SEQUENCES].collect())
    assert found == expected[SEQUENCES.name]


def test_tokens_of_another_tokenizer_or_another_version_are_not_taken(lakes, monkeypatch):
    tables = lakes[0]
    keep(tables, TEXTS)
    other = SequencesParams("demo", "other", window=32, hash_groups=3)
    assert packed(tables)[1] == size(TEXTS)
    assert packed(tables, other)[1] == size(TEXTS)
    monkeypatch.setattr(tokens.byte_level_bpe, "VERSION", 0)
    assert packed(tables, other)[1] == size(TEXTS)
