"""The report's facts of web pages against counts that are made from the same rows without a query."""

from pathlib import Path
from typing import Any

from jobs.report.facts import collect
from jobs.report.page import render
from jobs.report.pages import Pages
from jobs.report.tables import Missing
from tests.hostile_lake import HOSTILE
from tests.lake_builder import POLICY, LakeRows, lake_rows
from tests.source_files import standard_library

# (category, quality, has code tags, reasons of the policy)
TEXTS: list[tuple[str | None, int | None, bool, list[str]]] = [
    ("documentation", 90, True, []),
    ("documentation", 70, True, []),
    ("documentation", 40, False, ["irrelevant"]),
    ("forum", 30, True, []),
    ("forum", 10, True, ["low_page_quality"]),
    ("commerce", 50, False, ["irrelevant", "low_page_quality"]),
    (None, None, True, ["few_words"]),
]
LIMIT = 40  # two texts are below their own limits, and two below 40: the forum's


def rows(word: str = "word") -> LakeRows:
    lake = lake_rows(standard_library(20))
    verdict: dict[str, Any] = lake.rows["decide/kept"][0]
    feature: dict[str, Any] = lake.rows["decide/features"][0]
    for number, (category, percent, code, reasons) in enumerate(TEXTS):
        key, url = f"{number:064x}", f"http://{word}.example/{number}"
        facts = {"word_count": 20, "link_share": 0.0, "code_share": 0.0, "has_code_tags": code, "page_category": category}
        facts |= {"page_quality_percent": percent}
        lake.rows["decide/features"].append(feature | facts | {"kind": "page", "candidate": key})
        judged = verdict | {"kind": "page", "candidate": key, "path": url, "repository": f"{word}.example"}
        judged |= {"scorer": None, "score_percent": None, "least_score_percent": None}
        split = judged.pop("split")
        if reasons:
            lake.rows["decide/dropped"].append(judged | {"reasons": reasons, "survivor": None})
        else:
            lake.rows["decide/kept"].append(judged | {"split": split})
        lake.add("ingest/contents", content_sha256=key, text=f"{word} " * 9, size_bytes=45)
        page = {"record": str(number), "archive": "warc:a", "offset_bytes": number, "url": url, "host": f"{word}{number % 3}.example"}
        page |= {"media_type": "text/html", "charset": "utf-8", "html_bytes": 99, "content_sha256": key, "extractor": "page_text/1"}
        page |= {"title": word, "is_truncated": False, "has_code_tags": code, "code_block_count": 0, "code_bytes": 0, "code_languages": []}
        lake.add("ingest/pages", **page, word_count=20, link_word_count=0, repeated_share=0.0, cut_line_share=0.0)
    for number in range(3):
        lake.add("ingest/rejects", source="warc:a", locator=str(number), reason="http_status", detail="404", origin="warc:a")
    return lake


def found_in(path: Path, lake: LakeRows) -> Pages:
    found = collect(str(lake.write(path))).pages
    assert isinstance(found, Pages)
    return found


def test_records_pages_and_verdicts_are_counted(tmp_path: Path) -> None:
    found = found_in(tmp_path / "lake", rows())
    assert (found.archives, found.records, found.pages, found.hosts, found.texts, found.kept) == (1, 10, 7, 3, 7, 3)
    assert found.rejected == (("http_status", 3),)
    assert dict(found.dropped) == {"irrelevant": 2, "low_page_quality": 2, "few_words": 1}
    assert POLICY == "demo" and len(found.examples) == 3


def test_one_limit_for_all_kinds_drops_as_many_of_other_kinds(tmp_path: Path) -> None:
    found = found_in(tmp_path / "lake", rows())
    assert found.global_percent is not None and 30 < found.global_percent <= LIMIT
    kinds = {one.name: one for one in found.kinds}
    assert [(name, one.texts, one.with_code, one.kept, one.low, one.below_global) for name, one in sorted(kinds.items())] == [
        ("commerce", 1, 0, 0, 1, 0),
        ("documentation", 3, 2, 2, 0, 0),
        ("forum", 2, 2, 1, 1, 2),
        ("not judged", 1, 1, 0, 0, 0),
    ]
    assert round(kinds["documentation"].mean) == 67
    assert kinds["forum"].by_part == (1, 1, 0, 0, 0)


def test_a_lake_without_pages_says_so(tmp_path: Path) -> None:
    built = lake_rows(standard_library(5))
    assert collect(str(built.write(tmp_path / "empty"))).pages is None
    assert isinstance(collect(str(built.write(tmp_path / "lake", ["ingest/pages"]))).pages, Missing)


def test_a_hostile_page_stays_text(tmp_path: Path) -> None:
    lake = rows()

    for row in lake.rows["ingest/contents"][-len(TEXTS) :]:
        row["text"] = HOSTILE[0]
    for row in lake.rows["decide/kept"]:
        if row["kind"] == "page":
            row["path"] = HOSTILE[1]
    page = render(collect(str(lake.write(tmp_path / "lake"))))
    section = page[page.index('<section id="pages">') :]
    section = section[: section.index("</section>")]
    assert "<script>document" not in section and "&lt;script&gt;document" in section
