"""What a page says of itself, and pages that are XML."""

import pytest

from udfs.page_text import Page, extract

URL = "http://a.example/docs/page.html"


def page_of(html: str, is_xml: bool = False) -> Page:
    found = extract(html.encode(), URL, is_xml)
    assert isinstance(found, Page), found
    return found


@pytest.mark.parametrize(
    ("head", "canonical"),
    [
        ("<link rel=canonical href=c.html>", "http://a.example/docs/c.html"),
        ("<base href=http://b.example/x/><link rel=canonical href=c.html>", "http://b.example/x/c.html"),
        ("<base target=_top><base href=/y/><link rel=canonical href=c.html>", "http://a.example/y/c.html"),
        ("<base href='http://[bad'><link rel=canonical href=c.html>", None),
        ("<link rel='Canonical nofollow' href='//b.example/?a=1&amp;b=2'>", "http://b.example/?a=1&b=2"),
        ("<link rel=canonical href=''>", None),
    ],
)
def test_a_canonical_address_is_where_a_browser_would_go(head: str, canonical: str | None) -> None:
    assert page_of(f"<head>{head}</head><p>text").canonical_url == canonical


def test_the_title_is_the_pages_and_not_that_of_a_drawing() -> None:
    assert page_of("<svg><g><title>icon</title></g></svg><head><title>A &amp;\n b</title></head><p>text").title == "A & b"
    assert page_of("<title></title><title>second</title><p>text").title == ""


XHTML = "<html xmlns='http://www.w3.org/1999/xhtml'><body><script src='x'/><p>seen <a id='x'/>text</p>{}</body></html>"


@pytest.mark.parametrize(("before", "is_xml"), [("<?xml version='1.0'?>", False), ("", True), ("<!DOCTYPE html>", True)])
def test_in_xml_a_tag_may_end_itself_and_a_section_is_text_as_it_is(before: str, is_xml: bool) -> None:
    code = "if (a < b && c &amp; d > e)\n\t<b>x</b>]]"
    assert page_of(before + XHTML.format(f"<pre><![CDATA[{code}]]></pre>"), is_xml).text == f"seen text\n\n```\n{code}\n```"
    assert page_of(before + XHTML.format("<p>in <![CDATA[words < here]]>"), is_xml).text == "seen text\n\nin words < here"
    assert page_of(before + XHTML.format("<p>to <![CDATA[the > end"), is_xml).text == "seen text\n\nto the > end</body></html>"


def test_in_html_a_section_is_a_comment_that_ends_with_the_first_tag() -> None:
    assert page_of("<p>a<![CDATA[b > c]]>").text == "a c]]>"
