"""Calendars without end: every month is a page of its own, and of all of them hardly any comes through."""

import calendar

import pyarrow as pa

from jobs.decide.policy import with_changes
from jobs.decide.profiles import profile
from jobs.decide.rules import judge
from schemas.decide import FEATURES
from udfs.page_text import Page, extract
from udfs.shingles import shingle_sets

MONTHS = [(year, month) for year in range(2000, 2010) for month in range(1, 13)]
SHINGLE_TOKENS, THRESHOLD = 4, 0.7  # of annotate.signatures and annotate.duplicates


class Linked(calendar.HTMLCalendar):
    """Every day leads to a page of its own."""

    def formatday(self, day: int, weekday: int) -> str:
        return f"<td><a href='/day/{day}'>{day}</a></td>" if day else super().formatday(day, weekday)


def months(of: calendar.HTMLCalendar) -> list[Page]:
    pages = []
    for year, month in MONTHS:
        around = f"<a href='?m={month - 1}'>previous month</a> <a href='?m={month + 1}'>next month</a>"
        body = f"<h1>Events</h1><p>{around}</p>{of.formatmonth(year, month)}<p>There are no events in this month.</p>"
        found = extract(f"<title>Events</title><main>{body}</main>".encode())
        assert isinstance(found, Page)
        pages.append(found)
    return pages


def test_days_that_are_links_are_dropped_as_such() -> None:
    known = {"kind": "page", "token_estimate": 1, "has_text_facts": True, "alphanumeric_share": 0.8, "duplicate_group": 1}
    known |= {"duplicate_group_size": 1, "has_code_tags": True, "benchmark_count": 0, "is_held_out": False, "occurrence_count": 1}
    rows = [
        known
        | {"candidate": f"{number:064x}", "size_bytes": len(page.text), "word_count": page.word_count}
        | {"link_share": page.link_word_count / page.word_count, "occurrences": [{"repository": "a.example", "path": "http://a.example/"}]}
        | {"repeated_share": page.repeated_share, "cut_line_share": page.cut_line_share}
        for number, page in enumerate(months(Linked()))
    ]
    reasons = judge(with_changes(profile("paper"), {}), pa.RecordBatch.from_pylist(rows, schema=FEATURES.arrow_schema)).reasons
    assert reasons.to_pylist() == [["mostly_links"]] * len(MONTHS)


def test_days_that_are_text_are_near_duplicates_of_a_few() -> None:
    texts = [page.text for page in months(calendar.HTMLCalendar())]
    assert len(set(texts)) == len(MONTHS)
    sets = [set(one.as_py()) for one in shingle_sets(pa.array(texts), SHINGLE_TOKENS, 1 << 20)]
    groups: list[list[set[int]]] = []
    for one in sets:
        near = [group for group in groups if any(len(one & other) >= THRESHOLD * len(one | other) for other in group)]
        groups = [group for group in groups if group not in near] + [[one, *(other for group in near for other in group)]]
    assert len(groups) <= len(MONTHS) // 10
