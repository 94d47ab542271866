"""Near-duplicates of 20,000 real files beside all pairs by true Jaccard similarity, found without hashing. Run by `make proof`."""

import hashlib
from collections import Counter
from itertools import combinations

import networkx
import numpy as np
import pyarrow as pa
import pytest

from benchmarks.code import text_files
from jobs.annotate import duplicates, signatures
from jobs.annotate.duplicates import DuplicatesParams
from schemas.annotate import DUPLICATE_PAIRS, DUPLICATES, SIGNATURES
from schemas.ingest import CONTENTS
from tests.exact_pairs import exact_pairs
from udfs.minhash import SignatureParams, matrix, similarity, standard_error
from udfs.shingles import shingle_sets

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3600)]

FILES, MOST_BYTES, LEAST = 20_000, 256 << 10, 0.5
LARGEST_GROUP = 200  # of groups whose pairs are all looked at


@pytest.fixture(scope="module")
def corpus():
    """Texts by key, as many of each ending as there are up to a bound, so that the common ones do not crowd out the others."""
    found, endings = {}, Counter()
    for path in text_files():
        if endings[path.suffix] >= FILES * 3 // 5 or path.stat().st_size > MOST_BYTES:
            continue
        text = path.read_bytes().decode(errors="replace")
        key = hashlib.sha256(text.encode()).hexdigest()
        if text.strip() and key not in found:
            found[key] = text
            endings[path.suffix] += 1
        if len(found) == FILES:
            break
    assert len(found) == FILES and sum(count >= 5 for count in endings.values()) >= 10, endings
    return found


@pytest.fixture(scope="module")
def exact(corpus):
    """Positions a < b and similarity of all pairs of at least LEAST."""
    return exact_pairs(shingle_sets(pa.array(corpus.values(), pa.large_string()), SignatureParams().shingle_tokens, 1 << 24), LEAST)


@pytest.fixture
def lake(tables, corpus):
    rows = pa.table(
        {
            "content_sha256": pa.array(corpus),
            "text": pa.array(corpus.values()),
            "size_bytes": pa.array([len(t.encode()) for t in corpus.values()], pa.int64()),
        }
    )
    for start in range(0, FILES, 2000):  # no more in one message to the JVM
        part = tables.spark.createDataFrame(rows.slice(start, 2000)).select(*CONTENTS.names)
        part.coalesce(1).write.format("delta").mode("append").save(tables.lake.spark_path(CONTENTS.name))
    for write in signatures.transform(tables, SignatureParams()):
        tables.apply(write)
    return tables


def components(a, b):
    """Every pair of positions that edges connect, in components of up to LARGEST_GROUP."""
    groups = networkx.connected_components(networkx.Graph(zip(a.tolist(), b.tolist(), strict=True)))
    return {pair for group in groups if len(group) <= LARGEST_GROUP for pair in combinations(sorted(group), 2)}


@pytest.mark.parametrize("threshold", [0.7, 0.85])
def test_pairs_and_groups_are_those_of_all_pairs(lake, corpus, exact, threshold, capsys):
    for write in duplicates.transform(lake, DuplicatesParams(threshold=threshold)):
        lake.apply(write)
    place = {key: number for number, key in enumerate(corpus)}
    rows = lake.lake.read(DUPLICATES).to_pylist()
    nodes, groups, group = {}, {}, {}
    for row in rows:
        at = place[row["content_sha256"]]
        nodes.setdefault(row["node"], []).append(at)
        groups.setdefault(row["group_id"], []).append(at)
        group[at] = row["group_id"]
    true = {(a, b): s for a, b, s in zip(*(column.tolist() for column in exact), strict=True)}
    alike = {pair for pair, s in true.items() if s >= threshold}
    edges = [row for row in lake.lake.read(DUPLICATE_PAIRS).to_pylist() if row["is_duplicate"]]
    edges = {tuple(sorted((nodes[row["a"]][0], nodes[row["b"]][0]))) for row in edges}
    precision = sum(true.get(edge, 0) >= threshold for edge in edges) / len(edges)
    recall = sum(group[a] == group[b] for a, b in alike) / len(alike)
    ours = {pair for found in groups.values() if len(found) <= LARGEST_GROUP for pair in combinations(sorted(found), 2)}
    theirs = components(*(np.array(column) for column in zip(*alike, strict=True)))
    right = len(ours & theirs)
    with capsys.disabled():
        print(
            f"\nthreshold {threshold}: {len(alike):,} pairs of {FILES:,} files are alike; {len(edges):,} edges,"
            f" {precision:.4f} of them right"
        )
        print(
            f"  {recall:.4f} of the pairs are in one group; {len(ours & alike) / len(ours):.4f} of the pairs in one group"
            " are alike themselves"
        )
        print(f"  beside the components of all pairs: precision {right / len(ours):.4f}, recall {right / len(theirs):.4f}")
    assert precision >= 0.98
    assert recall >= 0.95


def test_the_estimate_errs_as_theory_says_on_real_pairs(lake, corpus, exact, capsys):
    rows = lake.lake.read(SIGNATURES, ["content_sha256", "signature"]).to_pylist()
    signature = {row["content_sha256"]: row["signature"] for row in rows}
    known = matrix(pa.array([signature[key] for key in corpus], pa.binary()))
    a, b, true = exact
    error = similarity(known[a], known[b]) - true
    with capsys.disabled():
        print("\nJaccard     pairs    bias    error/theory")
        for low in np.arange(LEAST, 1, 0.05):
            at = (true >= low) & (true < min(low + 0.05, 0.999))
            theory = np.sqrt(np.mean([standard_error(j, 128) ** 2 for j in true[at]]))
            ratio = float(np.sqrt(np.mean(error[at] ** 2)) / theory)
            print(f"{low:.2f}-{low + 0.05:.2f} {at.sum():8,} {error[at].mean():+8.4f} {ratio:8.2f}")
            assert ratio < 1.2
