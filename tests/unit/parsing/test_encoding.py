from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.errors import PermanentError
from livedash_core.parsing import encoding
from livedash_core.parsing.encoding import encoding_of

ZURICH = "Zürich – 5 €\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "utf-8-sig"),
        (b"plain", "utf-8-sig"),
        (ZURICH.encode(), "utf-8-sig"),
        (ZURICH.encode("utf-8-sig"), "utf-8-sig"),
        (ZURICH.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + ZURICH.encode("utf-16-be"), "utf-16"),
        (ZURICH.encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_told(content: bytes, expected: str) -> None:
    assert encoding_of(BytesIO(content)) == expected
    assert content.decode(expected).strip() in (ZURICH.strip(), "plain", "")


def test_a_letter_cut_in_two_does_not_turn_a_utf8_file_into_windows_text() -> None:
    assert encoding_of(BytesIO(ZURICH.encode() + b"Z\xc3\n" + ZURICH.encode())) == "utf-8-sig"


def test_half_a_surrogate_pair_does_not_turn_a_utf8_file_into_windows_text() -> None:
    assert encoding_of(BytesIO("plain \ud800 text".encode("utf-8", "surrogatepass"))) == "utf-8-sig"


def test_a_byte_order_mark_decides_however_much_is_broken() -> None:
    assert encoding_of(BytesIO(b"\xef\xbb\xbf\xff\xff\xff")) == "utf-8-sig"


def test_windows_letters_that_happen_to_read_as_utf8_are_outvoted() -> None:
    assert encoding_of(BytesIO("Ã¼ é é".encode("cp1252"))) == "cp1252"


@pytest.mark.parametrize("content", [b"caf\x81 \xe9", b"\xff\xfea", b"\xff\xfe\x00\xd8"])
def test_what_is_no_text_is_refused_and_the_message_does_not_quote_it(content: bytes) -> None:
    with pytest.raises(PermanentError, match="export it as UTF-8") as raised:
        encoding_of(BytesIO(content))
    assert "caf" not in str(raised.value)


def test_letters_on_the_border_of_two_chunks_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_CHUNK_BYTES", 1)
    assert encoding_of(BytesIO(ZURICH.encode())) == "utf-8-sig"
    assert encoding_of(BytesIO(ZURICH.encode("utf-16"))) == "utf-16"


@given(st.binary())
@settings(max_examples=100, deadline=None)
def test_any_bytes_have_an_encoding_or_are_refused(content: bytes) -> None:
    try:
        found = encoding_of(BytesIO(content))
    except PermanentError:
        return
    content.decode(found, "surrogateescape" if found == "utf-8-sig" else "strict")
