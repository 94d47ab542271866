"""The rules of pages, by hand-made features."""

import pyarrow as pa
import pytest

from jobs.decide.policy import with_changes
from jobs.decide.profiles import profile
from jobs.decide.rules import judge
from jobs.runtime.errors import UsageError
from schemas.decide import FEATURES

PAGE = {
    "kind": "page",
    "size_bytes": 900,
    "token_estimate": 300,
    "has_text_facts": True,
    "alphanumeric_share": 0.8,
    "duplicate_group": 1,
    "duplicate_group_size": 1,
    "word_count": 200,
    "link_share": 0.1,
    "repeated_share": 0.1,
    "cut_line_share": 0.1,
    "has_code_tags": True,
    "benchmark_count": 0,
    "is_held_out": False,
    "occurrence_count": 1,
    "occurrences": [{"repository": "a.example", "path": "http://a.example/"}],
}


def reasons(*pages, **changes):
    rows = [PAGE | {"candidate": f"{number:064x}"} | page for number, page in enumerate(pages)]
    features = pa.RecordBatch.from_pylist(rows, schema=FEATURES.arrow_schema)
    return judge(with_changes(profile("paper"), changes), features).reasons.to_pylist()


def test_no_rule_of_repositories_is_asked_of_a_page():
    assert reasons({}) == [[]]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"word_count": 9}, "few_words"),
        ({"link_share": 0.61}, "mostly_links"),
        ({"repeated_share": 0.61}, "repetitive"),
        ({"cut_line_share": 0.31}, "mostly_teasers"),
        ({"has_code_tags": False, "relevance_percent": 19, "relevance_least_percent": 20, "page_quality_percent": 90}, "irrelevant"),
        ({"has_code_tags": False}, "not_evaluated"),
        ({"duplicate_group": None}, "not_evaluated"),
        ({"size_bytes": (1 << 20) + 1}, "too_long"),
        ({"page_quality_percent": 29}, "low_page_quality"),
        ({"page_category": "commerce", "page_quality_percent": 59}, "low_page_quality"),
    ],
)
def test_a_page_that_falls_short_has_the_reason(facts, reason):
    assert reason in reasons(facts)[0]


@pytest.mark.parametrize(
    "facts",
    [
        {"word_count": 10},
        {"link_share": 0.6},
        {"repeated_share": 0.6, "cut_line_share": 0.3},
        {"has_code_tags": False, "relevance_percent": 20, "relevance_least_percent": 20},
        {"relevance_percent": 0, "relevance_least_percent": 20},  # has code tags
        {"page_quality_percent": 30},
        {"page_category": "forum", "page_quality_percent": 20},
    ],
)
def test_a_page_at_the_limit_passes(facts):
    assert reasons(facts) == [[]]


def test_limits_by_kind_of_site_can_be_changed_and_switched_off():
    forum = {"page_category": "forum", "page_quality_percent": 5}
    assert reasons(forum, **{"min_page_quality.forum": "5"}) == [[]]
    without = {"has_code_tags": False, "relevance_percent": 10, "relevance_least_percent": 20}
    assert reasons(without, min_page_relevance_percent="10") == reasons(without, drop_irrelevant_pages="false") == [[]]
    with pytest.raises(UsageError, match="expected a kind of site"):
        reasons({}, **{"min_page_quality.shop": "5"})
    with pytest.raises(UsageError, match=r"page_rate\.SITE"):
        reasons({}, page_rate="1")


def test_a_lower_rate_keeps_a_part_of_what_a_higher_one_does():
    pages = [{"page_category": "news", "page_quality_percent": 90}] * 2000
    at = {rate: {n for n, found in enumerate(reasons(*pages, **{"page_rate.news": rate})) if not found} for rate in ("0.2", "0.5", "1")}
    assert len(at["1"]) == 2000
    assert at["0.2"] < at["0.5"] < at["1"]
    assert 0.15 < len(at["0.2"]) / 2000 < 0.25 and 0.45 < len(at["0.5"]) / 2000 < 0.55


def test_where_a_scorer_is_the_judge_the_models_rating_drops_nothing():
    assert reasons({"page_quality_percent": 0}, page_quality="scorer") == [[]]
