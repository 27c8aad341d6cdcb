import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.clients.decoding import Text, decode
from livedash_core.errors import PermanentError

TEXT = "User: Hoi, één vraag – € 5?"


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (TEXT.encode(), None),
        (TEXT.encode("utf-8-sig"), None),
        (TEXT.encode("utf-16"), None),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-8"),  # the mark knows better than the header
        (TEXT.encode("cp1252"), None),
        (TEXT.encode("cp1252"), "ISO-8859-1"),  # as every browser reads that label
        (TEXT.encode(), "iso-8859-1"),  # a server's default label over a UTF-8 file
        (TEXT.encode("utf-16-le"), "utf-16le"),
        (TEXT.encode("cp1252"), "utf-8"),
        *((TEXT.encode(), rubbish) for rubbish in ("", "x-unknown", "unicode_escape", "idna", "hex", "a\0b")),
    ],
)
def test_text_is_read_in_the_encoding_it_is_in(body: bytes, charset: str | None) -> None:
    assert decode(body, charset).content == TEXT


def test_a_declared_charset_that_is_no_default_is_believed() -> None:
    assert decode("Dzień dobry".encode("iso8859-2"), "ISO-8859-2") == Text("Dzień dobry", "iso8859-2")
    assert decode("Привет".encode("koi8-r"), "koi8-r") == Text("Привет", "koi8-r")


@pytest.mark.parametrize("body", [b"\xff\xfea", b"\xff\xfe\x00\xd8"])
def test_what_is_in_no_encoding_is_an_error_and_not_mojibake(body: bytes) -> None:
    with pytest.raises(PermanentError):
        decode(body, None)


def test_nothing_is_the_empty_text() -> None:
    assert decode(b"", None) == Text("", "utf-8")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Zürich, Köln, Z".encode() + b"\xc3", Text("Zürich, Köln, Z\ufffd", "utf-8", 1)),
        ("é \ud83d\ude00 é".encode("utf-8", "surrogatepass"), Text("é 😀 é", "utf-8", 0)),
        ("hi \ud800 \ufffd".encode("utf-8", "surrogatepass"), Text("hi \ufffd \ufffd", "utf-8", 1)),
        ("naïve".encode("cp1252"), Text("naïve", "cp1252", 0)),
    ],
    ids=["a letter cut in two", "a pair of surrogates", "a lone surrogate", "Windows text"],
)
def test_broken_utf_8_is_read_as_utf_8_and_what_was_lost_is_counted(body: bytes, expected: Text) -> None:
    assert decode(body, None)[:3] == expected[:3]


@given(st.text(st.characters()), st.binary(max_size=3))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_storable_text_or_refused(text: str, junk: bytes) -> None:
    body = text.encode("utf-8", "surrogatepass") + junk
    try:
        read = decode(body, None)
    except PermanentError:
        return
    read.content.encode("utf-8")
    assert read.content.count("\ufffd") >= read.replaced
