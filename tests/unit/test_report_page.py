import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from jobs.report.facts import collect
from jobs.report.page import SECTIONS, render
from jobs.report.write import write_report
from schemas.lake import Lake, LakeError
from tests.hostile_lake import HOSTILE, MARK, hostile_lake
from tests.lake_builder import lake_rows
from tests.lake_outputs import write_metrics, write_shards_manifest
from tests.source_files import standard_library, with_fork

LARGEST_PAGE_BYTES = 3_000_000
ADDRESSES = {"href", "src", "srcset", "data", "action", "poster", "xlink:href", "formaction"}


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = lake_rows(with_fork(standard_library(200)))
    root = rows.write(tmp_path_factory.mktemp("page") / "lake")
    write_metrics(root)
    write_shards_manifest(root, rows)
    return root


@pytest.fixture(scope="module")
def page(lake: Path) -> str:
    return render(collect(str(lake)))


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render(collect(str(hostile_lake(tmp_path_factory.mktemp("hostile") / "lake"))))


def test_equal_lakes_give_equal_bytes(lake: Path, page: str) -> None:
    assert render(collect(str(lake))) == page


def test_the_page_says_nothing_of_where_the_lake_lies(lake: Path, page: str) -> None:
    assert str(lake.parent) not in page


def test_every_section_is_there_and_linked(page: str) -> None:
    elements = Elements(page)
    assert [one["id"] for one in elements.named("section")] == list(SECTIONS)
    assert [one["href"] for one in elements.named("a")] == [f"#{name}" for name in SECTIONS]


def test_nothing_on_the_page_is_fetched(page: str, hostile_page: str) -> None:
    for text in (page, hostile_page):
        elements = Elements(text)
        addresses = {value for _, attributes in elements.found for name, value in attributes.items() if name in ADDRESSES}
        assert {address for address in addresses if not (address or "").startswith("#")} == {"data:,"}
        assert not re.search(r"@import|url\(", "".join(re.findall(r"<style>.*?</style>", text, re.DOTALL)))


def test_the_page_allows_only_its_own_style_and_script(page: str) -> None:
    policies = [one["content"] for one in Elements(page).named("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1 and policies[0] is not None
    assert policies[0].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policies[0]


def test_hostile_texts_make_no_element_and_no_attribute(page: str, hostile_page: str) -> None:
    def kinds(text: str) -> set[tuple[str, str]]:
        return {(tag, name) for tag, attributes in Elements(text).found for name in attributes}

    assert kinds(hostile_page) <= kinds(page) | {("tr", "class"), ("td", "colspan")}  # rows of errors
    assert len(Elements(hostile_page).named("script")) == 1
    assert MARK in hostile_page


def test_hostile_texts_stand_in_diffs_and_in_what_was_removed(hostile_page: str) -> None:
    section = hostile_page[hostile_page.index('<section id="duplicates">') : hostile_page.index('<section id="kept">')]
    diffs = re.findall(r'<table class="diff">.*?</table>', section, re.DOTALL)
    assert len(diffs) >= 4
    assert sum("&lt;" in diff for diff in diffs) >= 1 and sum("\N{LEFT ANGLE BRACKET}" in diff or "⟨U+" in diff for diff in diffs) >= 1
    for table in ("removed-languages-table", "removed-repositories-table"):
        rows = section[section.index(f'id="{table}"') :]
        assert "&lt;" in rows[: rows.index("</table>")]


def test_the_diff_is_escaped_once(page: str) -> None:
    assert "&amp;lt;" not in page and "&amp;#39;" not in page


def test_hidden_characters_are_written_out(hostile_page: str) -> None:
    assert not set("\x00\x07\x1b\u202e\u202c\u2066\u200b\ufeff") & set(hostile_page)
    assert "⟨U+202E⟩gnp.exe" in hostile_page and "nul␀bell␇escape␛[31m" in hostile_page


def test_templates_in_texts_are_not_run(hostile_page: str) -> None:
    assert "{{ 7 * 7 }}" in hostile_page


def test_long_texts_are_shortened(hostile_page: str) -> None:
    assert "w" * 700 not in hostile_page
    assert any(len(name) > 700 for name in HOSTILE)


def test_the_page_stays_small(page: str, hostile_page: str) -> None:
    assert max(len(page.encode()), len(hostile_page.encode())) < LARGEST_PAGE_BYTES


def test_a_lake_without_tables_gives_a_page_that_says_how_to_fill_it(tmp_path: Path) -> None:
    Lake.at(str(tmp_path)).create()
    page = render(collect(str(tmp_path)))
    assert "Nothing has been ingested yet." in page
    for command in ("codemill run --lake LAKE --source PATH", "codemill decide --lake LAKE", "codemill train --lake LAKE"):
        assert f'<code class="command">{command}</code>' in page


def test_a_report_is_written_whole_and_nothing_else_is_left(lake: Path, page: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / "report.html"
    assert write_report(str(lake), out) == out
    assert out.read_text(encoding="utf-8") == page
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]


def test_a_report_of_no_lake_leaves_the_old_report_alone(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old", encoding="utf-8")
    with pytest.raises(LakeError):
        write_report(str(tmp_path / "nowhere"), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "old"
