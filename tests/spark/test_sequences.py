"""Documents are tokenized once: packing again takes their tokens from the sequences, and nobody can tell."""

import collections
import dataclasses
import hashlib
import json

import pyarrow as pa
import pytest

from jobs.assemble.documents import FILE_LAYOUT
from jobs.mix import sequences, tokens
from jobs.mix.recipes import RECIPES
from jobs.mix.sequences import SequencesParams
from jobs.runtime.errors import CodemillError
from jobs.runtime.tables import Tables
from schemas.assemble import DOCUMENTS
from schemas.decide import HIGH_QUALITY, KEPT
from schemas.document_checks import DOCUMENT_CHECKS
from schemas.ingest import CONTENTS
from schemas.lake import Lake
from schemas.mix import LOTS, MANIFEST, SEQUENCES, TOKENIZERS
from tests.job_runs import run_job
from tests.table_rows import put_rows
from tests.token_rows import ids_of
from udfs.draws import uniform
from udfs.mixture import Phase, Share
from udfs.tokenizer import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, load, train

# Documents that are texts of their own. Their candidates do not name them.
OWN_TEXTS = {
    ("commit", "r@1"): "Let it say more\n" * 40,
    ("repository", "r#0"): "# file: a.py\nimport b\n" * 30,
    ("repository", "r#1"): "# file: b.py\npass\n",
}
PAGE = "How do I write a loop?\n\n    for name in names:\n" * 9
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
    put_rows(tables.lake, table, rows)


def checked(tables, *leaks):
    """All texts of their own were compared; those of these candidates share something."""
    rows = [row for row in tables[DOCUMENTS].collect() if row.text is not None]
    checks = [
        {"kind": row.kind, "candidate": row.candidate, "layout": row.layout, "policy": "demo", "split": "train", "matches": []}
        | {"text_hash": key(row.text)[:16], "reasons": ["contaminated"] if row.candidate in leaks else []}
        for row in rows
    ]
    put(tables, DOCUMENT_CHECKS, [tuple(row.get(name) for name in DOCUMENT_CHECKS.names) for row in checks])


def keep_all_kinds(tables, split="train"):
    """One page, one commit, a repository of two parts, and a file."""
    common = {"policy": "demo", "policy_hash": "hash", "repository": "r", "path": "", "token_estimate": 1, "size_bytes": 1, "split": split}
    named = [("file", key(TEXTS[0]), "Python"), ("page", "record-1", None), ("commit", "r@1", None), ("repository", "r", "C")]
    verdicts = [common | {"kind": kind, "candidate": candidate, "language": language} for kind, candidate, language in named]
    put(tables, KEPT, [tuple(row.get(name) for name in KEPT.names) for row in verdicts])
    put(tables, CONTENTS, [(key(text), text, size([text])) for text in (TEXTS[0], PAGE)])
    documents = [("file", key(TEXTS[0]), "file/1", [key(TEXTS[0])], size([TEXTS[0]]), None, key(TEXTS[0])[:16], None)]
    documents += [("page", "record-1", "page/1", [key(PAGE)], size([PAGE]), None, key(PAGE)[:16], None)]
    documents += [(kind, name, f"{kind}/1", [], size([text]), text, key(text)[:16], None) for (kind, name), text in OWN_TEXTS.items()]
    put(tables, DOCUMENTS, documents)
    checked(tables)


def decoded(tables, tokenizer):
    """The text of every document in the sequences, fill-in-the-middle undone; and whether it was done."""
    tokens, found = {}, {}
    for row in sorted(tables[SEQUENCES].collect(), key=lambda row: row.sequence):
        start, ids = 0, ids_of(row.asDict())
        for piece in row.pieces:
            held = tokens.setdefault((piece.kind, piece.candidate, piece.epoch, piece.is_fim), [])
            assert len(held) == piece.token_offset
            held += ids[start : start + piece.token_count]
            start += piece.token_count
    for (kind, candidate, _, is_fim), ids in tokens.items():
        text = tokenizer.model.decode(ids[:-1], skip_special_tokens=False)
        if is_fim:
            suffix, rest = text.removeprefix(FIM_SUFFIX).split(FIM_PREFIX)
            prefix, middle = rest.split(FIM_MIDDLE)
            text = prefix + middle + suffix
        found[kind, candidate] = (text, is_fim)
    return found


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
        put(tables, DOCUMENTS, [("file", key(text), FILE_LAYOUT, [key(text)], size([text]), None, key(text)[:16], None) for text in TEXTS])
        put(tables, TOKENIZERS, [(n, key(text), text, 300, "trained", 1, 1) for n, text in trained.items()])
        found.append(tables)
    return found


def packed(tables, params=PARAMS):
    """Rows of both tables, and the bytes of text that were tokenized."""
    run_job(tables, sequences, params)
    found = {
        table.name: sorted(json.dumps(row, sort_keys=True, default=bytes.hex) for row in tables.lake.read(table).to_pylist())
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
    was_fim = {text for text in held_out if uniform(pa.array([key(text)]), "fim")[0] < 0.5}  # what measures is not filled in the middle
    assert was_fim and tokenized == size(set(after) - set(before) | was_fim)
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
    found = sorted(json.dumps(row.asDict(recursive=True), sort_keys=True, default=bytes.hex) for row in tables[SEQUENCES].collect())
    assert found == expected[SEQUENCES.name]


def test_tokens_of_another_tokenizer_or_another_version_are_not_taken(lakes, monkeypatch):
    tables = lakes[0]
    keep(tables, TEXTS)
    other = SequencesParams("demo", "other", window=32, hash_groups=3)
    assert packed(tables)[1] == size(TEXTS)
    assert packed(tables, other)[1] == size(TEXTS)
    monkeypatch.setattr(tokens.byte_level_bpe, "VERSION", 0)
    assert packed(tables, other)[1] == size(TEXTS)
    before = tokens.tokens_version("of a tokenizer")
    monkeypatch.setattr(tokens.byte_level_bpe.metadata, "version", lambda name: "another")  # an update of the library that makes ids
    assert tokens.tokens_version("of a tokenizer") != before


def test_documents_of_all_kinds_are_in_the_sequences_whole_and_filled_in_the_middle(lakes):
    tables = lakes[0]
    keep_all_kinds(tables)
    expected = OWN_TEXTS | {("file", key(TEXTS[0])): TEXTS[0], ("page", "record-1"): PAGE}
    tokenizer = load(tables[TOKENIZERS].where("name = 'default'").first().tokenizer_json)
    for rate in (1.0, 0.0):
        _, tokenized = packed(tables, dataclasses.replace(PARAMS, fim_rate=rate))
        assert decoded(tables, tokenizer) == {one: (text, rate == 1) for one, text in expected.items()}
        assert tokenized == sum(len(text.encode()) for text in expected.values())
        assert packed(tables, dataclasses.replace(PARAMS, fim_rate=rate, window=9))[1] == 0  # whatever its kind, a text is tokenized once
        counts = {(row.kind, row.language): (row.document_count, row.fim_document_count) for row in tables[MANIFEST].collect()}
        named = [("file", "Python", 1), ("page", "none", 1), ("commit", "none", 1), ("repository", "C", 2)]
        assert counts == {(kind, language): (count, count if rate else 0) for kind, language, count in named}
    changed = [tuple(row) for row in tables[DOCUMENTS].collect()]
    changed = [(*row[:4], len(row[1]), row[1], key(row[1])[:16], None) if row[0] == "repository" else row for row in changed]
    put(tables, DOCUMENTS, changed)
    with pytest.raises(CodemillError, match="2 of 5 kept documents have texts that were not compared"):
        packed(tables)
    checked(tables)
    assert packed(tables, PARAMS)[1] > 0 and decoded(tables, tokenizer)["repository", "r#1"][0] == "r#1"
    keep_all_kinds(tables)
    checked(tables, "r@1", "r#0")
    packed(tables)
    assert {name for _, name in decoded(tables, tokenizer)} == {"r#1", "record-1", key(TEXTS[0])}  # what shares something is left out
    keep_all_kinds(tables, "held_out")
    packed(tables, dataclasses.replace(PARAMS, fim_rate=1.0))
    assert not any(is_fim for _, is_fim in decoded(tables, tokenizer).values())


def test_what_cannot_be_mixed_is_told_before_anything_is_tokenized(lakes):
    tables = lakes[0]
    keep_all_kinds(tables)
    documents = [tuple(row) for row in tables[DOCUMENTS].collect()]
    put(tables, DOCUMENTS, [*documents, ("commit", "r@1", "commit/2", [], 3, "two", key("two")[:16], None)])
    checked(tables)
    with pytest.raises(CodemillError, match="commit=commit/1, commit=commit/2"):
        packed(tables)
    packed(tables, dataclasses.replace(PARAMS, layouts=("commit=commit/2",)))
    assert tables[MANIFEST].where("kind = 'commit'").first().text_bytes == 3
    put(tables, DOCUMENTS, [row for row in documents if row[0] != "commit"])
    with pytest.raises(CodemillError, match=r"no document \(1 of kind commit\)"):
        packed(tables)
    of_another = [(*row[:2], "repository/1/another", *row[3:]) if row[0] == "repository" else row for row in documents]
    put(tables, DOCUMENTS, of_another)
    with pytest.raises(CodemillError, match=r"no document \(1 of kind repository\)"):
        packed(tables)
    put(tables, DOCUMENTS, documents)
    with pytest.raises(CodemillError, match=r"no document \(1 of kind commit\).* no such layout"):
        packed(tables, dataclasses.replace(PARAMS, layouts=("commit=commit/9",)))
    put(tables, DOCUMENTS, [*documents, ("page", "record-1", "page/1", ["nowhere"], 3, None, "nowhere", None)])
    with pytest.raises(CodemillError, match="the texts of 1 of 6 kept documents are not in ingest/contents"):
        packed(tables)
    marks = json.loads(tables[TOKENIZERS].where("name = 'default'").first().tokenizer_json)
    marks["added_tokens"] = [token for token in marks["added_tokens"] if "fim" not in token["content"]]
    put(tables, TOKENIZERS, [("default", "without", json.dumps(marks), 300, "given", 0, 0)])
    with pytest.raises(CodemillError, match="so no document can be filled in the middle"):
        packed(tables)


def test_a_recipe_takes_members_of_the_sets_that_it_names(lakes, monkeypatch):
    good = Share("file", 1.0, "good", by="set", within=(("algorithms", 0.25), ("general", 0.75)))
    monkeypatch.setitem(RECIPES, "sets", Phase("sets", 32, 0.0, (good,)))
    tables = lakes[0]
    keep(tables, TEXTS[1:50], TEXTS[40:50])
    member = {"kind": "file", "policy": "demo", "percent": 90, "round": 1, "models": "m", "is_member": True}
    sets = [member | {"candidate": key(t), "set": one} for n, t in enumerate(TEXTS[1:50]) for one in ("algorithms", "general") if n % 3]
    sets = [row for n, row in enumerate(sets) if n % 4 != 0]  # some are in one set alone
    sets.append(member | {"candidate": key(TEXTS[1]), "policy": "other", "set": "general"})
    outside = {key(text) for text in TEXTS[1:50]} - {row["candidate"] for row in sets}
    others = [member | {"candidate": one, "set": "general", "is_member": False} for one in outside]
    put(tables, HIGH_QUALITY, [tuple(row[name] for name in HIGH_QUALITY.names) for row in sets + others])
    packed(tables, dataclasses.replace(PARAMS, recipe="sets"))
    pieces = [(row.split, piece.candidate) for row in tables[SEQUENCES].collect() for piece in row.pieces]
    members = {row["candidate"] for row in sets if row["policy"] == "demo"} - {key(text) for text in TEXTS[40:50]}
    found = {candidate for split, candidate in pieces if split == "train"}
    assert found <= members and len(found) > 5
    assert {candidate for split, candidate in pieces if split == "held_out"} == {key(text) for text in TEXTS[40:50]}
    lots = {row.lot: row for row in tables[LOTS].collect()}
    algorithms = {row["candidate"] for row in sets if row["set"] == "algorithms"} & members
    assert {name: row.document_count for name, row in lots.items()} == {
        "good: algorithms": len(algorithms), "good: general": len(members - algorithms),
    }  # fmt: skip


OF_FILES = Share("file", 0.8, max_epochs=3, by="language", within=(("C", 0.25),))
WEIGHED = Phase("weighed", 32, 0.3, (OF_FILES, Share("commit", 0.2, max_epochs=2)), packing="best_fit")
LOT_OF = {("file", "C"): "file: C", ("file", "Python"): "file: others", ("commit", None): "commit"}


def keep_two_kinds(tables, files, commits=30):
    """Files of C and Python, and commits; one file in five is held out."""
    common = {"policy": "demo", "policy_hash": "hash", "repository": "r", "path": "", "token_estimate": 1, "size_bytes": 1}
    rows = [
        common | {"kind": "file", "candidate": key(t), "language": ("C", "Python")[n % 3 > 0], "split": ("train", "held_out")[n % 5 == 4]}
        for n, t in enumerate(files)
    ]
    texts = {f"r@{n}": f"Change number {n}\n" * (1 + n % 5) for n in range(commits)}
    rows += [common | {"kind": "commit", "candidate": candidate, "split": "train"} for candidate in texts]
    put(tables, KEPT, [tuple(row.get(name) for name in KEPT.names) for row in rows])
    documents = [("file", key(text), FILE_LAYOUT, [key(text)], size([text]), None, key(text)[:16], None) for text in files]
    put(
        tables,
        DOCUMENTS,
        documents + [("commit", one, "commit/1", [], size([text]), text, key(text)[:16], None) for one, text in texts.items()],
    )
    checked(tables)


def taken(tables):
    """By (lot, candidate): how often it is there; by lot: tokens, as they lie in the sequences."""
    lot_of = {row.candidate: LOT_OF[row.kind, row.language] for row in tables[KEPT].collect()}
    epochs, tokens = collections.Counter(), collections.Counter()
    for piece in (piece for row in tables[SEQUENCES].collect() if row.split == "train" for piece in row.pieces):
        epochs[lot_of[piece.candidate], piece.candidate] += piece.token_offset == 0
        tokens[lot_of[piece.candidate]] += piece.token_count
    return epochs, tokens


def test_a_recipe_is_met_and_its_draws_are_nested(lakes, monkeypatch):
    monkeypatch.setitem(RECIPES, "weighed", WEIGHED)
    tables, fresh, _ = lakes
    params = dataclasses.replace(PARAMS, recipe="weighed")
    keep_two_kinds(tables, TEXTS[1:50])
    packed(tables, params)
    before, _ = taken(tables)
    keep_two_kinds(tables, TEXTS[1:])
    found, _ = packed(tables, params)
    epochs, tokens = taken(tables)
    lots = {row.lot: row for row in tables[LOTS].collect()}
    assert {name: row.taken_token_count for name, row in lots.items()} == tokens and len(tokens) == 3
    total = sum(row.wanted_token_count for row in lots.values())
    longest = max(size([text]) for text in TEXTS[1:])
    for name, share in (("file: C", 0.2), ("file: others", 0.6), ("commit", 0.2)):
        assert abs(tokens[name] - share * total) <= longest / 2
        assert (lots[name].note == "") == (abs(tokens[name] / lots[name].wanted_token_count - 1) <= 0.001)
    assert sum(row.is_limit for row in lots.values()) == 1 and max(epochs.values()) <= 3
    for counted in (before, epochs):  # what is drawn is a question of the draw alone
        for lot in lots:
            ordered = sorted((uniform(pa.array([name]), "mixture")[0], count) for (of, name), count in counted.items() if of == lot)
            assert [count for _, count in ordered] == sorted((count for _, count in ordered), reverse=True)
    for (of, name), count in epochs.items():
        assert count == lots[of].whole_epochs + (uniform(pa.array([name]), "mixture")[0] < lots[of].rate)
    keep_two_kinds(fresh, TEXTS[1:])
    partitions = fresh.spark.conf.get("spark.sql.shuffle.partitions")
    fresh.spark.conf.set("spark.sql.shuffle.partitions", "5")
    try:
        assert packed(fresh, params)[0] == found
    finally:
        fresh.spark.conf.set("spark.sql.shuffle.partitions", partitions)
    with pytest.raises(CodemillError, match="commit: 20,000 tokens are asked for"):
        packed(tables, dataclasses.replace(params, total_tokens=100_000))
    keep_two_kinds(tables, TEXTS[1:], commits=0)
    with pytest.raises(CodemillError, match="asks for commit, of which there is nothing"):
        packed(tables, params)
    packed(tables, dataclasses.replace(params, leave_out_empty=True))
    assert not taken(tables)[1]["commit"]
