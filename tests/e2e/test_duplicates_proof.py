"""Near-duplicates of 20,000 real files beside all pairs by true Jaccard similarity, found without hashing. Run by `make proof`."""

import numpy as np
import pyarrow as pa
import pytest

from jobs.annotate import duplicates, signatures
from jobs.annotate.duplicates import DuplicatesParams
from schemas.annotate import SIGNATURES
from tests.exact_pairs import exact_pairs
from tests.neutral_ground import groups_against, labels, pairs_in_groups
from tests.real_corpus import edges_and_groups, put, real_texts
from udfs.minhash import SignatureParams, matrix, similarity, standard_error
from udfs.shingles import shingle_sets

pytestmark = [pytest.mark.proof, pytest.mark.timeout(3600)]

FILES, LEAST = 20_000, 0.5


@pytest.fixture(scope="module")
def corpus():
    return real_texts(FILES)


@pytest.fixture(scope="module")
def exact(corpus):
    """Positions a < b and similarity of all pairs of at least LEAST."""
    return exact_pairs(shingle_sets(pa.array(corpus.values(), pa.large_string()), SignatureParams().shingle_tokens, 1 << 24), LEAST)


@pytest.fixture
def lake(tables, corpus):
    put(tables, corpus)
    for write in signatures.transform(tables, SignatureParams()):
        tables.apply(write)
    return tables


@pytest.mark.parametrize("threshold", [0.7, 0.85])
def test_pairs_and_groups_are_those_of_all_pairs(lake, corpus, exact, threshold, capsys):
    for write in duplicates.transform(lake, DuplicatesParams(threshold=threshold)):
        lake.apply(write)
    edges, group = edges_and_groups(lake, corpus)
    true = {(a, b): s for a, b, s in zip(*(column.tolist() for column in exact), strict=True)}
    alike = {pair for pair, s in true.items() if s >= threshold}
    precision = sum(true.get(edge, 0) >= threshold for edge in edges) / len(edges)
    recall = sum(bool(group[a] == group[b]) for a, b in alike) / len(alike)
    ours = pairs_in_groups(group)
    groups = groups_against(group, labels(FILES, alike))
    with capsys.disabled():
        print(
            f"\nthreshold {threshold}: {len(alike):,} pairs of {FILES:,} files are alike; {len(edges):,} edges,"
            f" {precision:.4f} of them right"
        )
        print(
            f"  {recall:.4f} of the pairs are in one group; {len(ours & alike) / len(ours):.4f} of the pairs in one group"
            " are alike themselves"
        )
        print(f"  beside the components of all pairs: precision {groups.precision:.4f}, recall {groups.recall:.4f}")
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
