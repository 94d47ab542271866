"""Bytes to text: each rule on both sides, and the laws: never raises, always valid UTF-8, round trips."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udfs.decode import Decoded, Undecodable, decode

CODE = b"x = 1  # a line of code as long as most of them are\n"
MARKS = {
    "utf-8-sig": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def reason(raw: bytes) -> str:
    found = decode(raw)
    assert isinstance(found, Undecodable), found
    return found.reason


@pytest.mark.parametrize("raw", [b"", b"a\r\nb\rc\n", "naïve 漢字 😀\n".encode(), b"\x1b[0m\x01\x7f", "\ufffe".encode()])
def test_valid_utf8_is_taken_as_it_is(raw):
    assert decode(raw) == Decoded(raw, "utf-8")


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.sampled_from([*MARKS]))
def test_a_text_with_a_mark_comes_back_without_it(text, encoding):
    raw = MARKS[encoding] + text.encode("utf-8" if encoding == "utf-8-sig" else encoding)
    assert decode(raw) == Decoded(text.encode(), encoding)


def test_only_the_first_mark_is_removed():
    assert decode(codecs.BOM_UTF8 * 2) == Decoded(codecs.BOM_UTF8, "utf-8-sig")


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe\x00\xd8", b"\xfe\xff\xd8\x00\x00a", b"\xff\xfea", b"\xef\xbb\xbf\xff", b"\xff\xfe\x00\x00\x00\xd8\x00\x00"]
)
def test_bytes_that_break_the_promise_of_their_mark_are_undecodable(raw):
    assert reason(raw) == "undecodable"


@pytest.mark.parametrize(
    "raw",
    [
        b"a\0b",
        "aé\0".encode(),
        b"\xff\xfea\0\0\0",
        b"a\0b\0",
        b"%PDF-1.4\nabc",
        b"\x89PNG\r\n",
        b"\x1f\x8b\x08abc",
        b"GIF89a",
        b"\x7fELF",
    ],
)
def test_nul_bytes_and_known_formats_are_binary(raw):
    assert reason(raw) == "binary"


def test_utf16_without_a_mark_is_binary():
    assert reason("import os\n".encode("utf-16-le")) == "binary"


def test_an_lfs_pointer_is_recognised():
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"
    assert reason(pointer) == "lfs_pointer"
    assert reason(pointer.replace(b"\n", b"\r\n")) == "lfs_pointer"
    assert decode(pointer + b"a text that begins like one\n" * 40).encoding == "utf-8"
    assert decode(b"# " + pointer).encoding == "utf-8"


@pytest.mark.parametrize(
    ("head", "encoding", "text"),
    [
        ("# -*- coding: koi8-r -*-\n", "koi8-r", "привет, мир\n"),
        ("/* vim: set fileencoding=cp1251 : */\n", "cp1251", "привет\n"),
        ('<?xml version="1.0" encoding="Shift_JIS"?>\n', "shift_jis", "日本語\n"),
        ("<meta charset=euc-kr>\n", "euc_kr", "한국어\n"),
        ('@charset "iso-8859-2";\n', "iso8859-2", "Žluťoučký kůň\n"),
        ("\\usepackage[latin1]{inputenc}\n", "iso8859-1", "für größere Äpfel\n"),
        ("=encoding iso-8859-15\n", "iso8859-15", "100 €\n"),
        ('"Content-Type: text/plain; charset=gb2312\\n"\n', "gb2312", "中文\n"),
        ("# the encoding is odd; coding: big5\n", "big5", "中文\n"),
    ],
)
def test_a_declared_encoding_is_believed_if_it_fits(head, encoding, text):
    raw = (head + text).encode(encoding)
    assert decode(raw) == Decoded((head + text).encode(), encoding)


def test_a_declaration_at_the_end_counts_and_one_in_the_middle_does_not():
    line = b"# vim: fileencoding=koi8-r\n"
    word = "привет\n".encode("koi8-r")
    assert decode(word + CODE * 60 + line).encoding == "koi8-r"
    assert reason(word * 60 + CODE * 30 + line + CODE * 30) == "undecodable"


@pytest.mark.parametrize("name", ["utf-8", "utf-7", "hex", "rot13", "utf-16", "idna", "no-such-codec", "..", "__init__"])
def test_a_declaration_outside_the_list_is_not_obeyed(name):
    assert decode(f"# coding: {name}\n".encode() + CODE * 3 + b"# caf\xe9\n").encoding == "iso8859-1"


def test_windows_1252_declared_as_latin1_is_read_as_what_it_is():
    assert decode(b"# coding: latin-1\n" + CODE + b"# it\x92s\n") == Decoded(
        b"# coding: latin-1\n" + CODE + "# it\u2019s\n".encode(), "cp1252"
    )


def test_western_text_is_read_as_latin1_or_windows_1252():
    assert decode(CODE + b"# Bj\xf6rn, caf\xe9\n") == Decoded(CODE + "# Björn, café\n".encode(), "iso8859-1")
    assert decode(CODE * 2 + b"# \x93it\x92s\x94 5 \x80\n") == Decoded(CODE * 2 + "# “it\u2019s” 5 €\n".encode(), "cp1252")


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (CODE + b"\x01 caf\xe9\n", "1 control bytes"),
        (b"# caf\xe9\n", "1 of 7 bytes are not ASCII"),
        (CODE * 4 + "# привет\n".encode("koi8-r"), "6 of 6 non-ASCII bytes stand in runs"),
        (CODE * 4 + "# é é é\n".encode() + b"\xe9\n", "3 characters are valid UTF-8"),
        (CODE * 2 + b"# Kl\x84mpfl\n", "letters of another code page"),  # DOS: Klämpfl
        (CODE * 2 + b"# \x9cle\n", "letters of another code page"),  # Windows-1250: śle
    ],
)
def test_what_does_not_look_western_is_undecodable(raw, detail):
    found = decode(raw)
    assert isinstance(found, Undecodable)
    assert found.reason == "undecodable"
    assert detail in found.detail


PIECES = st.sampled_from(
    [CODE, b"coding: ", b"charset=", b"latin1 ", b"shift_jis ", b"big5 ", b"gbk ", b"cp1255 ", b"\xe9", b"\x93", b"\x81", *MARKS.values()]
)


@settings(deadline=None)
@given(st.one_of(st.binary(), st.lists(PIECES | st.binary(max_size=8)).map(b"".join)))
def test_it_never_raises_and_gives_valid_utf8_without_nul(raw):
    found = decode(raw)
    if isinstance(found, Decoded):
        found.text.decode("utf-8", "strict")
        assert b"\0" not in found.text
    else:
        assert found.reason in {"binary", "undecodable", "lfs_pointer"}
        assert found.detail


@settings(deadline=None)
@given(st.text(st.characters(codec="latin-1", min_codepoint=0xC0), max_size=5))
def test_a_little_latin1_in_much_code_comes_back(letters):
    text = CODE.decode() * 8 + "".join(f"# {letter}a\n" for letter in letters)
    assert decode(text.encode("latin-1")).text == text.encode()
