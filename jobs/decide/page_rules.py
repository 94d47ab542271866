"""The rules of a policy on web pages: words, links, relevance, quality by the kind of site, and how many of a kind are taken.

Relevance and quality are asked where models have judged the page (annotate/page_judgements). A page with code tags is relevant as it is;
one without needs a model to say so. Where the policy names a scorer as the judge of quality, these rules leave it to `decide.verdicts`.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.decide.policy import Policy
from udfs.draws import uniform

Columns = Callable[[str], pa.Array]
SAMPLE = "page sample"  # seed of the draw


def _true(array: pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(array, False), dtype=bool)


def few_words(policy: Policy, column: Columns) -> np.ndarray | None:
    return None if policy.min_page_words is None else _true(pc.less(column("word_count"), policy.min_page_words))


def mostly_links(policy: Policy, column: Columns) -> np.ndarray | None:
    return None if policy.max_page_link_share is None else _true(pc.greater(column("link_share"), policy.max_page_link_share))


def repetitive(policy: Policy, column: Columns) -> np.ndarray | None:
    return None if policy.max_page_repeated_share is None else _true(pc.greater(column("repeated_share"), policy.max_page_repeated_share))


def mostly_teasers(policy: Policy, column: Columns) -> np.ndarray | None:
    return None if policy.max_page_cut_line_share is None else _true(pc.greater(column("cut_line_share"), policy.max_page_cut_line_share))


def irrelevant(policy: Policy, column: Columns) -> np.ndarray | None:
    """By the policy's limit, or where it has none by the threshold that the models came with."""
    if not policy.drop_irrelevant_pages:
        return None
    least = column("relevance_least_percent") if policy.min_page_relevance_percent is None else policy.min_page_relevance_percent
    return _true(pc.less(column("relevance_percent"), least)) & ~_true(column("has_code_tags"))


def not_judged(policy: Policy, column: Columns) -> np.ndarray | None:
    if not policy.drop_irrelevant_pages:
        return None
    is_unknown = pc.and_(pc.is_null(column("relevance_percent")), pc.invert(column("has_code_tags")))
    return _true(is_unknown)


def low_page_quality(policy: Policy, column: Columns) -> np.ndarray | None:
    if policy.page_quality == "scorer":
        return None
    return np.asarray(pc.fill_null(column("page_quality_percent"), 100)) < least_page_quality(policy, column("page_category"))


def least_page_quality(policy: Policy, categories: pa.Array) -> np.ndarray:
    """Percent that is asked of pages on these kinds of sites (float64)."""
    return by_category(categories, dict(policy.min_page_quality_by_category), policy.min_page_quality_percent)


def not_sampled(policy: Policy, column: Columns) -> np.ndarray:
    """A draw by key, so that a lower rate keeps a part of what a higher one does, and new pages change no old draw."""
    rate = by_category(column("page_category"), dict(policy.page_rate_by_category), 1.0)
    out = np.zeros(len(rate), bool)
    asked = np.flatnonzero(rate < 1)
    if len(asked):
        out[asked] = uniform(column("candidate").take(pa.array(asked)), SAMPLE) >= rate[asked]
    return out


def by_category(categories: pa.Array, values: dict[str, float], otherwise: float) -> np.ndarray:
    """The value of each row's category (float64); that of what has none, or one without a value, is `otherwise`."""
    encoded = pc.dictionary_encode(categories)
    of_code = np.array([*(values.get(name, otherwise) for name in encoded.dictionary.to_pylist()), otherwise], np.float64)
    return np.asarray(of_code[np.asarray(pc.fill_null(encoded.indices, len(of_code) - 1))])
