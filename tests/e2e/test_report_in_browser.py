"""The report in a real browser: what a person would see, on a wide and on a narrow screen, and that nothing leaves the machine."""

from collections.abc import Iterator

import pytest

from jobs.report.page import SECTIONS
from jobs.report.write import write_report
from tests.browser import Page, find_browser, open_page
from tests.hostile_lake import MARK, hostile_lake
from tests.lake_builder import LakeRows, lake_rows
from tests.lake_outputs import write_metrics, write_shards_manifest
from tests.source_files import standard_library, with_fork

FITS = "document.documentElement.scrollWidth <= window.innerWidth"


@pytest.fixture(scope="module")
def rows() -> LakeRows:
    find_browser()
    return lake_rows(with_fork(standard_library(200)))


@pytest.fixture(scope="module")
def page(rows: LakeRows, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("browser")
    root = rows.write(folder / "lake")
    write_metrics(root)
    write_shards_manifest(root, rows)
    with open_page(write_report(str(root), folder / "report.html")) as opened:
        yield opened


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    find_browser()
    folder = tmp_path_factory.mktemp("hostile")
    with open_page(write_report(str(hostile_lake(folder / "lake")), folder / "report.html")) as opened:
        yield opened


def cells(page: Page, table: str, column: int) -> list[str]:
    rows = f"[...document.querySelectorAll('#{table} tbody tr')].filter(row => !row.hidden)"
    found = page.value(f"{rows}.map(row => row.cells[{column}].innerText.trim())")
    assert isinstance(found, list)
    return found


def test_the_browser_asks_for_the_file_and_nothing_else(page: Page) -> None:
    assert [address.rsplit("/", 1)[-1] for address in page.requests if address != "data:,"] == ["report.html"]
    assert page.errors == []


def test_sections_and_charts_are_there(page: Page) -> None:
    assert page.value("[...document.querySelectorAll('section')].map(s => s.id)") == list(SECTIONS)
    for section in ("funnel", "languages", "sizes", "syntax", "duplicates", "quality", "dropped", "rejects", "tokens", "probe"):
        size = page.value(f"document.querySelector('#{section} svg[role=img]').getBoundingClientRect().toJSON()")
        assert size["width"] > 50 and size["height"] >= 10, section
    assert page.value("document.querySelector('#probe polyline').getTotalLength()") > 100


def test_numbers_shown_are_those_of_the_tables(page: Page, rows: LakeRows) -> None:
    funnel = page.value("[...document.querySelectorAll('#funnel svg text.value')].map(t => t.textContent.split(' ')[0])")
    files, kept = len(rows.rows["ingest/files"]), len(rows.rows["decide/kept"])
    contents = len(rows.rows["ingest/contents"])
    assert funnel == [f"{n:,}" for n in (files + len(rows.rows["ingest/rejects"]), files, contents, kept, kept)]
    assert sum(int(text.replace(",", "")) for text in cells(page, "languages-table", 1)) == files
    tokens = sum(row["token_count"] for row in rows.rows["mix/manifest"])
    assert sum(int(text.replace(",", "")) for text in cells(page, "tokens-table", 3)) == tokens
    assert f"{tokens:,} tokens" in page.value("document.querySelector('.lede').innerText")
    assert "2.875" in page.value("document.querySelector('#probe').innerText")


def test_duplicates_are_shown_with_their_numbers_a_curve_and_diffs(page: Page, rows: LakeRows) -> None:
    texts = len(rows.rows["annotate/duplicates"])
    assert sum(int(text.replace(",", "")) for text in cells(page, "groups-table", 2)) == texts
    removed = sum("near_duplicate" in row["reasons"] for row in rows.rows["decide/dropped"])
    for table in ("removed-languages-table", "removed-repositories-table"):
        assert sum(int(text.replace(",", "")) for text in cells(page, table, 2)) == removed > 0
    assert page.value("document.querySelector('#duplicates polyline').getTotalLength()") > 100
    assert sum(int(text.replace(",", "")) for text in cells(page, "curve-table", 3)) == len(rows.rows["annotate/duplicate_pairs"])
    assert page.value("document.querySelectorAll('#duplicates details').length") == 8
    page.value("document.querySelectorAll('#duplicates details').forEach(one => { one.open = true })")
    assert page.value("[...document.querySelectorAll('.diff')].every(one => one.querySelector('.differs .side b'))")
    widths = page.value("[...document.querySelector('.diff tbody tr:not(.gap)').cells].map(cell => cell.getBoundingClientRect().width)")
    assert widths[0] < 80 < 200 < widths[1] and abs(widths[1] - widths[3]) < 2


def test_a_click_on_a_head_sorts_by_number_and_a_second_one_turns_the_order(page: Page) -> None:
    head = "document.querySelectorAll('#languages-table th button')[1].click()"
    page.value(head)
    falling = [int(text.replace(",", "")) for text in cells(page, "languages-table", 1)]
    page.value(head)
    rising = [int(text.replace(",", "")) for text in cells(page, "languages-table", 1)]
    assert (falling, rising) == (sorted(falling, reverse=True), sorted(falling))


def test_the_filter_leaves_the_languages_that_are_asked_for(page: Page) -> None:
    page.value("(i => { i.value = 'PYTH'; i.dispatchEvent(new Event('input')); })(document.querySelector('[data-filter]'))")
    shown = cells(page, "languages-table", 0)
    page.value("(i => { i.value = ''; i.dispatchEvent(new Event('input')); })(document.querySelector('[data-filter]'))")
    assert shown == ["Python"]
    assert len(cells(page, "languages-table", 0)) > 1


def test_a_choice_shows_the_examples_of_one_reason(page: Page) -> None:
    visible = "[...document.querySelectorAll('[data-group=dropped]')].filter(g => !g.hidden).map(g => g.dataset.name)"
    every = page.value(visible)
    page.value("document.querySelectorAll('[data-choices=dropped] button')[2].click()")
    assert page.value(visible) == [every[1]]
    page.value("document.querySelectorAll('[data-choices=dropped] button')[0].click()")
    assert page.value(visible) == every


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_the_page_never_scrolls_sideways(page: Page, hostile: Page, width: int) -> None:
    for one in (page, hostile):
        one.resize(width, 900)
        assert one.value(FITS)


def test_dark_screens_get_dark_paper_and_readable_text(page: Page) -> None:
    def contrast(scheme: str, selector: str) -> float:
        page.resize(1280, 900, scheme)
        ink = page.value(f"getComputedStyle(document.querySelector('{selector}')).color")
        return _contrast(ink, page.value("getComputedStyle(document.body).backgroundColor"))

    for scheme in ("light", "dark"):
        assert contrast(scheme, ".lede") > 7
        assert contrast(scheme, ".intro") > 4.5
        assert contrast(scheme, ".eyebrow") > 4.5
    assert _luminance(page.value("getComputedStyle(document.body).backgroundColor")) < 0.05


def test_hostile_texts_run_nothing_and_fetch_nothing(hostile: Page) -> None:
    assert hostile.value("document.title") != MARK
    assert [address.rsplit("/", 1)[-1] for address in hostile.requests if address != "data:,"] == ["report.html"]
    assert hostile.errors == []
    assert hostile.value("document.querySelectorAll('section').length") == len(SECTIONS)
    assert hostile.value("document.querySelectorAll('script, iframe, img').length") == 1


def test_hostile_texts_break_no_layout(hostile: Page) -> None:
    hostile.resize(1280, 900)
    tall = "Math.max(...[...document.querySelectorAll('tbody tr')].map(row => row.getBoundingClientRect().height))"
    assert hostile.value(tall) < 400
    assert hostile.value("document.querySelector('footer').innerText").startswith("Made by")


def _channels(colour: str) -> list[float]:
    return [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]


def _luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)
