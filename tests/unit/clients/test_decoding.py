import pytest

from livedash_core.clients.decoding import decode

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
    assert decode(body, charset) == TEXT


def test_a_declared_charset_that_is_no_default_is_believed() -> None:
    assert decode("Dzień dobry".encode("iso8859-2"), "ISO-8859-2") == "Dzień dobry"
    assert decode("Привет".encode("koi8-r"), "koi8-r") == "Привет"


@pytest.mark.parametrize("body", [b"caf\x81", b"\xff\xfea", b"\xef\xbb\xbf\xe9"])
def test_what_is_in_no_encoding_is_an_error_and_not_mojibake(body: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        decode(body, None)


def test_nothing_is_the_empty_text() -> None:
    assert decode(b"", None) == ""
