import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.page_charset import to_utf8

RUSSIAN = "<html><p>Эта страница написана по-русски, чтобы её можно было узнать по буквам.</p>"
GERMAN = "<html><p>Größere Übungen für Anfänger: „Straße“ kostet 5 €.</p>"
JAPANESE = "<html><p>このページは日本語で書かれています。プログラミングの話です。</p>"


@pytest.mark.parametrize(
    ("text", "encoding", "header", "name"),
    [
        (GERMAN, "utf-8", "", "utf-8"),
        (GERMAN, "utf-8", "iso-8859-1", "utf-8"),  # the header lies
        (GERMAN, "cp1252", "iso-8859-1", "cp1252"),  # what browsers read under this name
        (GERMAN, "cp1252", "", None),
        (GERMAN, "utf-16", "", "utf-16-le"),
        (GERMAN, "utf-16-be", "utf-16be", "utf-16-be"),
        (RUSSIAN, "koi8-r", "koi8-r", "koi8-r"),
        (RUSSIAN, "cp1251", "windows-1251", "cp1251"),
        (RUSSIAN * 20, "cp1251", "", "cp1251"),
        (JAPANESE, "cp932", "Shift_JIS", "cp932"),
        (JAPANESE, "euc_jp", '"EUC-JP"', "euc_jp"),
        (JAPANESE, "iso2022_jp", "iso-2022-jp", "iso2022_jp"),
        (JAPANESE * 5, "euc_jp", "utf-8", "euc_jp"),
        ("plain ascii", "ascii", "no-such-charset", "utf-8"),
        ("plain ascii", "ascii", "rot13", "utf-8"),
    ],
)
def test_the_text_is_what_was_written(text, encoding, header, name):
    found = to_utf8(text.encode(encoding), header)
    assert found is not None
    assert found.html.decode() == text
    assert name is None or found.charset == name


def test_the_page_may_say_what_the_header_does_not():
    for said in ('<meta charset="windows-1251">', "<META http-equiv='Content-Type' content='text/html; charset=windows-1251'>"):
        assert said + RUSSIAN == to_utf8((said + RUSSIAN).encode("cp1251"), "").html.decode()


def test_a_page_of_bytes_that_says_utf_16_is_not():
    assert to_utf8(b"<meta charset='utf-16'><p>x", "").html == b"<meta charset='utf-16'><p>x"


@pytest.mark.parametrize("body", [b"<p>plain ascii", b"<p>plain ascii!", "<p>caf\xe9!".encode("latin-1")])
def test_a_page_without_nuls_is_not_utf_16_whatever_its_header_says(body):
    assert to_utf8(body, "utf-16").html.decode() == body.decode("latin-1")


def test_a_few_damaged_bytes_do_not_change_the_encoding():
    found = to_utf8(GERMAN.encode() * 20 + b"\xff", "utf-8")
    assert found.charset == "utf-8"
    assert found.html.decode() == GERMAN * 20 + "\ufffd"


@pytest.mark.parametrize("body", [bytes(range(256)) * 4, b"\x7fELF\x02\x01\x01" + bytes(100), b"%PDF-1.4\n" + b"\x00\x01\x02" * 100])
def test_what_is_no_text_is_none(body):
    assert to_utf8(body, "utf-8") is None


@pytest.mark.parametrize("header", ["", "iso-8859-1", "windows-1251", "shift_jis"])
def test_a_page_that_was_cut_in_a_letter_is_still_utf_8(header):
    for text in (GERMAN * 3, RUSSIAN, JAPANESE):
        last = next(letter for letter in reversed(text) if ord(letter) > 127)
        body = text[: text.rindex(last) + 1].encode()[:-1]
        assert to_utf8(body, header).html.decode() == text[: text.rindex(last)] + "\ufffd"


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r"])
@pytest.mark.parametrize("header", ["iso-8859-1", "windows-1251", "koi8-r"])
def test_where_header_and_page_differ_the_letters_decide(encoding, header):
    page = f"<meta charset={'koi8-r' if encoding == 'koi8-r' else 'windows-1251'}>{RUSSIAN * 3}"
    assert to_utf8(page.encode(encoding), header).html.decode() == page


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [GERMAN, "<!doctype html>" + JAPANESE, "<?xml version='1.0'?>" + RUSSIAN])
def test_utf_16_without_a_mark_is_known_by_how_it_begins(encoding, text):
    found = to_utf8(text.encode(encoding), "")
    assert (found.html.decode(), found.charset) == (text, encoding)
    assert to_utf8(text.encode(encoding) + b"x", encoding).html.decode()[:-1] == text


@given(st.binary(max_size=100), st.text(max_size=12))
def test_whatever_comes_the_result_is_utf_8_without_nuls(body, header):
    found = to_utf8(body, header)
    assert found is None or "\0" not in found.html.decode()


@pytest.mark.parametrize("name", ["undefined", "idna", "punycode", "unicode_escape", "rot13"])
def test_what_python_calls_an_encoding_and_is_no_charset_is_not_tried(name):
    assert to_utf8(b"<p>" + b"\xc3" * 300, name).charset == to_utf8(b"<p>" + b"\xc3" * 300, "").charset
