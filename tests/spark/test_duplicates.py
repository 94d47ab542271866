"""Near-duplicates, from texts to groups: what is found is right, and what is new or gone gives what a run over everything gives."""

import hashlib
import inspect
import json
import random
import string
import textwrap
from functools import partial
from itertools import combinations

import networkx
import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from jobs.annotate import duplicates, signatures, text_comparisons
from jobs.annotate.duplicates import DuplicatesParams
from jobs.runtime.errors import CodemillError
from jobs.runtime.job import ReplaceRows
from jobs.runtime.tables import Tables
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES, SIGNATURES
from schemas.ingest import CONTENTS, FILES, PAGES
from schemas.lake import Lake
from tests.job_runs import run_job
from tests.table_rows import empty_row, put_rows
from udfs.minhash import SignatureParams
from udfs.shingles import jaccard, shingle_sets

SOURCES = [inspect.getsource(module) for module in (json, string, textwrap, random, hashlib)]

KEY = "content_sha256"


def key(text):
    return hashlib.sha256(text.encode()).hexdigest()


def edited(text, share, seed):
    """The text with so many of its lines replaced."""
    draw = random.Random(seed)
    lines = text.splitlines()
    for at in draw.sample(range(len(lines)), int(share * len(lines))):
        lines[at] = f"replaced_{draw.random()} = {draw.random()} + other({draw.random()})"
    return "\n".join(lines)


def corpus():
    """Real texts, each with lightly (similarity 0.75 and more) and heavily (below 0.62) edited copies; and what is hardly a text."""
    texts = list(SOURCES)
    for number, source in enumerate(SOURCES):
        texts += [edited(source, share, seed) for seed, share in enumerate((0.01, 0.03, 0.06, 0.09, 0.18, 0.3), 10 * number)]
        texts += [source.replace("    ", "\t"), source + "\n"]
        texts += [f"{source}\nown_{own} = {own}" for own in range(2)]  # of one signature with it, most of them, and of other shingles
    return [*texts, "", " ", "\n\n", "x = 1", "x = 2", "x=1", "x  =  1\n", "a " * 5000, "a " * 4000, "{}" * 3000]


# As lakes are grouped that are too large for the driver.
by_spark = partial(DuplicatesParams, most_texts_in_memory=0)


either = pytest.mark.parametrize("params", [DuplicatesParams, by_spark], ids=["in-memory", "by-spark"])


def put(tables, texts, gone=()):
    """The lake's files have these texts and no others; of those `gone` the contents alone are left, as ingest leaves them."""
    contents = [(key(t), t, len(t.encode())) for t in [*texts, *gone]]
    files = [("r", f"{key(t)}.py", key(t), key(t), None, "utf-8", 1, "Python", "folder:r") for t in texts]
    for table, rows in ((CONTENTS, contents), (FILES, files)):
        put_rows(tables.lake, table, rows)


def annotate(tables, params=None):
    run_job(tables, signatures, SignatureParams())
    run_job(tables, duplicates, params or by_spark())


def rows_of(tables, table=DUPLICATES):
    return sorted(tuple(row) for row in tables[table].collect())


def groups_of(tables, texts):
    """The groups of several texts, by their positions."""
    place = {key(text): number for number, text in enumerate(texts)}
    found = {}
    for row in tables[DUPLICATES].collect():
        found.setdefault(row.group_id, set()).add(place[row.content_sha256])
    return sorted(sorted(group) for group in found.values() if len(group) > 1)


def true_groups(texts, threshold):
    """Components of all pairs by true Jaccard similarity."""
    sets = [np.array(found, np.uint32) for found in shingle_sets(pa.array(texts), SignatureParams().shingle_tokens, 1 << 20).to_pylist()]
    similar = [
        (a, b)
        for a, b in combinations(range(len(texts)), 2)
        if len(sets[a]) and len(sets[b]) and jaccard(sets[a], sets[b], 1 << 30) >= threshold
    ]
    return sorted(sorted(group) for group in networkx.connected_components(networkx.Graph(similar)))


@pytest.fixture
def fresh(spark, tmp_path):
    """Makes empty lakes."""

    def make(name):
        tables = Tables(spark, Lake.at(str(tmp_path / name)))
        tables.lake.create()
        return tables

    return make


@either
def test_groups_are_those_of_all_pairs_by_true_similarity(tables, params):
    texts = corpus()
    put(tables, texts)
    annotate(tables, params())
    assert groups_of(tables, texts) == true_groups(texts, 0.7)
    rows = tables[DUPLICATES].collect()
    assert len(rows) == len(texts)
    for row in rows:
        assert row.group_size == sum(other.group_id == row.group_id for other in rows)
        assert row.centre_similarity == 1 if row.group_id == row.node else 0.3 < row.centre_similarity <= 1
    pairs = tables[DUPLICATE_PAIRS].collect()
    assert any(pair.is_true for pair in pairs) and any(not pair.is_duplicate for pair in pairs)


def test_texts_without_tokens_and_short_ones_are_alone_unless_their_tokens_are_equal(tables):
    texts = ["", " ", "\n\n", "x = 1", "x = 2", "x=1", "y", "z"]
    put(tables, texts)
    annotate(tables)
    assert groups_of(tables, texts) == [[3, 5]]


def test_texts_that_differ_in_white_space_alone_are_one_group_without_a_pair(tables):
    """As all-identical files are: identical ones are one content already."""
    texts = [SOURCES[0].replace("\n", "\n" + " " * number) for number in range(100)]
    put(tables, [*texts, SOURCES[1]])
    annotate(tables)
    assert groups_of(tables, [*texts, SOURCES[1]]) == [list(range(100))]
    assert tables[DUPLICATE_PAIRS].count() == 0
    assert len({row.node for row in tables[DUPLICATES].collect()}) == 2


@either
@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_of_new_and_deleted_texts_gives_the_tables_of_a_full_run(fresh, seed, params):
    draw = random.Random(seed)
    texts = corpus()
    steps = fresh("steps")
    present = set(draw.sample(texts, 20))
    for _ in range(3):
        put(steps, sorted(present), gone=sorted({*texts} - present))
        annotate(steps, params())
        present -= set(draw.sample(sorted(present), 6))
        present |= set(draw.sample(texts, 15))
    put(steps, sorted(present), gone=sorted({*texts} - present))
    annotate(steps, params())
    whole = fresh("whole")
    put(whole, sorted(present))
    annotate(whole, by_spark())
    assert rows_of(steps) == rows_of(whole)
    assert rows_of(steps, DUPLICATE_PAIRS) == rows_of(whole, DUPLICATE_PAIRS)
    assert groups_of(whole, sorted(present)) == true_groups(sorted(present), 0.7)


@either
def test_a_text_that_no_file_and_no_page_has_any_more_joins_nothing(tables, params):
    """Ingest leaves the contents of files that are gone: a chain that went through one falls apart."""
    texts, params = chain(3), params(threshold=0.6)
    put(tables, texts)
    annotate(tables, params)
    assert groups_of(tables, texts) == [[0, 1, 2]]
    put(tables, [texts[0], texts[2]], gone=[texts[1]])
    annotate(tables, params)
    assert groups_of(tables, texts) == []
    assert tables[DUPLICATES].count() == 2
    filled = empty_row(PAGES) | {KEY: key(texts[1])}
    put_rows(tables.lake, PAGES, [filled])
    annotate(tables, params)
    assert groups_of(tables, texts) == [[0, 1, 2]]


def test_only_what_is_touched_is_written(tables):
    texts = corpus()
    put(tables, texts[:-1])
    annotate(tables)
    assert list(duplicates.transform(tables, by_spark())) == []
    put(tables, [*texts, edited(SOURCES[0], 0.01, 99)])
    run_job(tables, signatures, SignatureParams())
    group = next(len(g) for g in groups_of(tables, texts) if 0 in g)
    written = [tables.apply(write) for write in duplicates.transform(tables, by_spark())]
    assert written[-1].rows == group + 2  # the group's sizes change, and two texts are new


def test_of_few_texts_all_are_grouped_again_where_one_came_or_went_and_nothing_is_written_where_none_did(fresh):
    texts, few, whole = corpus(), fresh("few"), fresh("whole")
    put(few, texts[:25])
    annotate(few, DuplicatesParams())
    for changed in (texts[:24], texts[3:]):  # one went; others came too
        put(few, changed)
        run_job(few, signatures, SignatureParams())
        writes = list(duplicates.transform(few, DuplicatesParams()))
        assert [type(write) for write in writes] == [ReplaceRows, ReplaceRows]
        annotate(few, DuplicatesParams())
        assert list(duplicates.transform(few, DuplicatesParams())) == []
    put(whole, texts[3:])
    annotate(whole)
    for table in (DUPLICATES, DUPLICATE_PAIRS):
        assert rows_of(few, table) == rows_of(whole, table)


@either
def test_a_run_killed_between_its_two_tables_is_made_good(fresh, params):
    texts = corpus()
    killed, whole = fresh("killed"), fresh("whole")
    for lake in (killed, whole):
        put(lake, texts[:25])
        annotate(lake, params())
        put(lake, texts[5:])
    for write in signatures.transform(killed, SignatureParams()):
        killed.apply(write)
    for write in duplicates.transform(killed, params()):
        killed.apply(write)
        break
    annotate(killed, params())
    annotate(whole, params())
    for table in (DUPLICATES, DUPLICATE_PAIRS):
        assert rows_of(killed, table) == rows_of(whole, table)
    for write in duplicates.transform(killed, params(threshold=0.85)):
        killed.apply(write)
        break
    annotate(killed, params())  # as before: of the other threshold only the pairs are there
    assert rows_of(killed, DUPLICATE_PAIRS) == rows_of(whole, DUPLICATE_PAIRS)


@pytest.mark.parametrize("rules", [{}, {"threshold": 0.85}, {"threshold": 0.6, "min_centre_similarity": 0.5}])
def test_the_driver_finds_row_by_row_what_spark_finds(fresh, rules):
    texts = [*corpus(), *chain(12)]
    driver, spark = fresh("driver"), fresh("spark")
    for lake, params in ((driver, DuplicatesParams), (spark, by_spark)):
        put(lake, texts)
        annotate(lake, params(**rules))
    for table in (DUPLICATES, DUPLICATE_PAIRS):
        assert rows_of(driver, table) == rows_of(spark, table)
    assert driver.account.read_rows == spark.account.read_rows == len(texts)
    assert driver.account.read_bytes == spark.account.read_bytes


def test_more_pairs_than_the_driver_may_hold_are_grouped_by_spark(fresh, monkeypatch):
    texts, driver, many = corpus(), fresh("driver"), fresh("many")
    put(driver, texts)
    annotate(driver, DuplicatesParams())
    monkeypatch.setattr(text_comparisons, "in_parts", None)  # the driver compares no text
    put(many, texts)
    annotate(many, DuplicatesParams(most_edges_in_memory=3))
    for table in (DUPLICATES, DUPLICATE_PAIRS):
        assert rows_of(many, table) == rows_of(driver, table)


def test_a_text_that_is_gone_from_the_table_is_an_error(tables):
    texts = corpus()
    put(tables, texts)
    annotate(tables, DuplicatesParams())
    put_rows(tables.lake, CONTENTS, [(key("x"), "x", 1)])
    with pytest.raises(KeyError, match="contents are not in"):
        annotate(tables, DuplicatesParams(threshold=0.75))


def chain(length):
    """Texts each like the next, the last nothing like the first: a window that moves over numbered lines."""
    lines = [f"line_{number} = f({number}, g{number * 7}) + {number * number}" for number in range(40 + 6 * length)]
    return ["\n".join(lines[6 * i : 6 * i + 40]) for i in range(length)]


@either
def test_a_poisoned_chain_is_measured_and_can_be_cut(fresh, params):
    texts = chain(12)
    whole, cut = fresh("whole"), fresh("cut")
    for lake in (whole, cut):
        put(lake, texts)
    annotate(whole, params(threshold=0.6))
    assert groups_of(whole, texts) == [list(range(12))]
    assert min(row.centre_similarity for row in whole[DUPLICATES].collect()) < 0.1
    annotate(cut, params(threshold=0.6, min_centre_similarity=0.4))
    rows = cut[DUPLICATES].collect()
    assert min(row.centre_similarity for row in rows) >= 0.4
    assert len({row.component_id for row in rows}) == 1 < len({row.group_id for row in rows})


@either
def test_signatures_of_another_version_are_computed_again_and_never_mixed(tables, params):
    texts = corpus()[:12]
    put(tables, texts)
    annotate(tables, params())
    expected = rows_of(tables)
    old = tables[SIGNATURES].withColumn("version", F.lit("an older one"))
    old.write.format("delta").mode("overwrite").save(tables.lake.spark_path(SIGNATURES.name))
    annotate(tables, params())
    assert rows_of(tables) == expected
    assert tables[SIGNATURES].count() == 2 * len(texts)
    with pytest.raises(CodemillError, match="no text has a signature of 4 tokens and 256 hashes"):
        annotate(tables, params(hashes=256))
    assert rows_of(tables) == expected
    annotate(tables, params(threshold=0.85))
    assert {row.version for row in tables[DUPLICATES].collect()} == {duplicates.version(params(threshold=0.85))}
    assert groups_of(tables, texts) == true_groups(texts, 0.85)


@either
def test_texts_at_the_size_limit_and_minified_ones_are_compared_like_others(tables, params):
    draw = random.Random(5)
    minified = "".join(f"var v{draw.randrange(10**6)}=f({draw.randrange(10**6)});" for _ in range(550_000))[: 16 << 20]
    texts = [
        minified,
        minified.replace("var v1", "let v1"),
        minified[: len(minified) // 3],
        "x" * (16 << 20),
        "y" * (16 << 20),
        "a;" * (8 << 20),
        "a; " * (5 << 20),
    ]
    put(tables, texts)
    annotate(tables, params())
    assert groups_of(tables, texts) == [[0, 1], [5, 6]]


def test_a_bucket_of_a_third_of_all_texts_makes_no_more_pairs_than_members(tables):
    """Members that are all alike, and others that share their beginning with everything and are not."""
    alike = [SOURCES[1] + f"\nown_{number} = {number}" for number in range(200)]
    others = [SOURCES[1][:4000] + "\n" + edited(SOURCES[3], 0.9, number) for number in range(40)]
    texts = [*alike, *others, *(edited(SOURCES[0], 0.9, number) for number in range(360))]
    put(tables, texts)
    annotate(tables)
    groups = groups_of(tables, texts)
    assert list(range(200)) in groups
    assert groups == true_groups(texts, 0.7)
    assert tables[DUPLICATE_PAIRS].count() < 2 * len(texts)
