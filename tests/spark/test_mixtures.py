"""Several mixtures of one lake: tokenized once, exact to their recipes, never half there."""

import collections
import dataclasses
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from jobs.assemble.documents import FILE_LAYOUT
from jobs.cli import main
from jobs.mix import sequences, shards
from jobs.mix.card_facts import card_facts
from jobs.mix.mixtures import mixtures_there
from jobs.mix.recipes import RECIPES
from jobs.mix.sequences import SequencesParams
from jobs.mix.shards import ShardsParams
from jobs.runtime.errors import CodemillError, CountsError, UsageError
from schemas.assemble import DOCUMENTS
from schemas.decide import KEPT
from schemas.ingest import CONTENTS
from schemas.mix import LOTS, MANIFEST, SEQUENCES, TOKENIZERS
from tests.export_cases import contents
from tests.source_files import standard_library
from tests.spark.test_sequences import PARAMS, TEXTS, keep, key, packed, put, size
from tests.spark.test_sequences import lakes as lakes
from udfs.draws import uniform
from udfs.mixture import Phase, Share
from udfs.shards import verify

SECOND = dataclasses.replace(PARAMS, mixture="second", window=20, packing="best_fit")


def rows_of(tables, mixture):
    """What a mixture is made of, in all tables, and nothing of how it came there."""
    return {
        table.name: sorted(
            json.dumps(row.asDict(recursive=True), sort_keys=True, default=bytes.hex)
            for row in tables[table].where(f"mixture = '{mixture}'").collect()
        )
        for table in (SEQUENCES, MANIFEST, LOTS)
    }


def test_a_second_mixture_tokenizes_nothing_that_the_first_has_and_is_what_it_would_be_alone(lakes):
    tables, alone, _ = lakes
    for one in (tables, alone):
        keep(one, TEXTS, TEXTS[20:25])
    assert packed(tables)[1] == size(TEXTS)
    first = rows_of(tables, "demo")
    assert packed(tables, SECOND)[1] == 0
    assert packed(alone, SECOND)[1] == size(TEXTS)
    assert rows_of(tables, "second") == rows_of(alone, "second")
    assert rows_of(tables, "demo") == first
    # A lower rate of filling in the middle needs the tokens of those alone that are whole now.
    draws = {text: uniform(pa.array([key(text)]), "fim")[0] for text in set(TEXTS) - set(TEXTS[20:25])}
    whole_now = {text for text, draw in draws.items() if 0.1 <= draw < 0.5 and len(text) > 2}
    assert packed(tables, dataclasses.replace(SECOND, mixture="third", fim_rate=0.1))[1] == size(whole_now) > 0


def test_what_is_counted_wrongly_is_never_committed(lakes, monkeypatch):
    tables = lakes[0]
    keep(tables, TEXTS[:30])
    packed(tables)
    before, expected = rows_of(tables, "demo"), sequences.expected

    def one_more(documents, copies):
        found = expected(documents, copies)
        return {labels: dataclasses.replace(one, documents=one.documents + 1) for labels, one in found.items()}

    monkeypatch.setattr(sequences, "expected", one_more)
    keep(tables, TEXTS)
    with pytest.raises(
        CountsError, match=r"train file Python: (\d+) documents of (\d+) bytes went into the sequences; \d+ documents of \2 bytes came out"
    ):
        packed(tables)
    assert rows_of(tables, "demo") == before


def test_a_run_that_is_killed_between_two_commits_leaves_a_mixture_that_says_it_is_not_finished(lakes):
    tables, undisturbed, _ = lakes
    for one in (tables, undisturbed):
        keep(one, TEXTS)
    params = dataclasses.replace(PARAMS, window=40)
    packed(undisturbed, params)
    for done in (1, 2, 3):
        packed(tables)
        writes = sequences.transform(tables, params)
        for _ in range(done):
            tables.apply(next(writes))
        with pytest.raises(CodemillError, match="its sequences are not finished"):
            list(shards.transform(tables, ShardsParams("demo")))
        assert sequences.is_changed(tables.lake, params)
    tables.apply(next(writes))
    assert not list(writes)  # four commits, and after the last the mixture is whole
    assert not list(shards.transform(tables, ShardsParams("demo")))
    packed(tables, params)
    assert rows_of(tables, "demo") == rows_of(undisturbed, "demo")


def keep_for_both(tables):
    """The profile demo keeps forty texts, paper the last twenty of them."""
    keep(tables, TEXTS[:40])
    rows = [row.asDict() for row in tables[KEPT].collect()]
    last = [row | {"policy": "paper", "policy_hash": "of paper"} for row in rows if row["candidate"] in set(map(key, TEXTS[20:40]))]
    put(tables, KEPT, [tuple(row[name] for name in KEPT.names) for row in [*rows, *last]])


def test_two_profiles_in_one_lake_have_shards_of_their_own_that_say_whose_they_are(lakes, capsys):
    tables = lakes[0]
    keep_for_both(tables)
    both = {"demo": (PARAMS, "mix/shards", "hash"), "paper": (dataclasses.replace(PARAMS, profile="paper"), "mix/shards-paper", "of paper")}
    for profile, (params, _, _) in both.items():
        packed(tables, params)
        assert not list(shards.transform(tables, ShardsParams(profile)))
    assert mixtures_there(tables.lake) == {profile: folder for profile, (_, folder, _) in both.items()}
    for profile, (params, folder, policy_hash) in both.items():
        facts, manifest = card_facts(tables.lake, folder)
        assert (manifest.mixture, manifest.policy, manifest.policy_hash) == (profile, profile, policy_hash)
        assert (facts["mixture"], facts["policy"], facts["policy_hash"], facts["differences"]) == (profile, profile, policy_hash, [])
        assert sum(row["document_count"] for row in facts["mixed"]) == {"demo": 40, "paper": 20}[profile]
        assert not sequences.is_changed(tables.lake, params) and not shards.is_changed(tables.lake, ShardsParams(profile))
    folder = Path(tables.lake.root, "mix/shards")
    before, rows = contents(folder), rows_of(tables, "demo")
    assert main(["vacuum", "--lake", tables.lake.root, "--mixture", "paper", "--retention-hours", "0", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folders"] == ["mix/shards-paper"]
    assert contents(folder) == before and rows_of(tables, "demo") == rows and verify(str(folder)).policy == "demo"
    assert mixtures_there(tables.lake) == {"demo": "mix/shards"}


def test_a_mixture_of_another_policys_documents_is_never_replaced(lakes):
    tables = lakes[0]
    keep_for_both(tables)
    packed(tables, SECOND)
    before = rows_of(tables, "second")
    of_paper = dataclasses.replace(SECOND, profile="paper")
    with pytest.raises(CodemillError, match="'second' is made of what the policy 'demo' keeps; found profile=paper"):
        packed(tables, of_paper)
    assert rows_of(tables, "second") == before
    with pytest.raises(UsageError, match="the mixture of the profile demo, which"):
        dataclasses.replace(of_paper, mixture="demo").phase()


def documents_of_the_library():
    """Paragraphs of Python and C, which are many and small, and whole files, which are neither."""
    small, large = {}, {}
    for file in standard_library(220):
        text = file.data.decode("utf-8", "replace")
        language = {"py": "Python", "h": "C"}.get(file.path.rpartition(".")[2])
        if language is None:
            continue
        if len(large) < 12 and language == "Python" and len(text) > 4000:
            large[text] = "Python"
            continue
        small |= {part: language for part in text.split("\n\n") if 40 < len(part) < 600}
    return small, large


def test_tokens_in_the_shards_are_in_the_shares_of_the_recipe_within_a_thousandth_or_a_note_says_why_not(lakes, monkeypatch):
    tables = lakes[0]
    small, large = documents_of_the_library()
    texts = [*small, *large]
    put(tables, CONTENTS, [(key(text), text, len(text.encode())) for text in texts])
    keep_files(tables, small, large)
    share = Share("file", 0.7, "small", max_epochs=2, by="language", within=(("C", 0.2),))
    recipe = Phase("exact", 512, 0.5, (Share("file", 0.3, "large", max_epochs=3, least_bytes=4000), share))
    monkeypatch.setitem(RECIPES, "exact", recipe)
    packed(tables, SequencesParams("demo", "default", recipe="exact", mixture="exact", hash_groups=3))
    for _ in shards.transform(tables, ShardsParams("demo", mixture="exact")):
        pass
    found = counted_in(tables, {key(text) for text in large})
    lots = {row.lot: row for row in tables[LOTS].collect()}
    assert {name: row.taken_token_count for name, row in lots.items()} == found
    total = sum(row.wanted_token_count for row in lots.values())
    asked = {"large": 0.3, "small: C": 0.14, "small: others": 0.56}
    for name, part in asked.items():
        off = abs(found[name] / total - part)
        assert lots[name].share == pytest.approx(part)
        assert off <= 0.001 if not lots[name].note else f"{len(large)} have" in lots[name].note, (name, off)
    assert not lots["small: others"].note and not lots["small: C"].note


def keep_files(tables, small, large):
    keep(tables, [*small, *large])
    languages = {key(text): language for text, language in {**small, **large}.items()}
    rows = [row.asDict() for row in tables[KEPT].collect()]
    put(tables, KEPT, [tuple((row | {"language": languages[row["candidate"]]})[name] for name in KEPT.names) for row in rows])
    documents = [
        ("file", key(text), FILE_LAYOUT, [key(text)], len(text.encode()), None, key(text)[:16], None) for text in {**small, **large}
    ]
    put(tables, DOCUMENTS, documents)
    assert tables[TOKENIZERS].count() == 2


def counted_in(tables, large):
    """Tokens by share, as the Parquet files of the shards have them."""
    found = collections.Counter()
    with open(f"{tables.lake.root}/mix/shards-exact/manifest.json") as manifest:
        files = [shard["file"] for split in json.load(manifest)["splits"].values() for shard in split["shards"]]
    for file in files:
        column = pq.read_table(f"{tables.lake.root}/mix/shards-exact/{file}", columns=["tokens", "pieces"])
        pieces = column.column("pieces").combine_chunks().flatten()
        assert pc.sum(pieces.field("token_count")).as_py() == len(column.column("tokens").combine_chunks().flatten())
        for piece in pieces.to_pylist():
            small = "small: C" if piece["language"] == "C" else "small: others"
            found["large" if piece["candidate"] in large else small] += piece["token_count"]
    return found
