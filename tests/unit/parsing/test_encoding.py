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
def test_the_encoding_is_detected(content: bytes, expected: str) -> None:
    assert encoding_of(BytesIO(content)) == expected
    assert content.decode(expected).strip() in (ZURICH.strip(), "plain", "")


def test_a_cut_character_does_not_turn_utf8_into_cp1252() -> None:
    assert encoding_of(BytesIO(ZURICH.encode() + b"Z\xc3\n" + ZURICH.encode())) == "utf-8-sig"


def test_a_lone_surrogate_does_not_turn_utf8_into_cp1252() -> None:
    assert encoding_of(BytesIO("plain \ud800 text".encode("utf-8", "surrogatepass"))) == "utf-8-sig"


def test_a_byte_order_mark_decides_however_much_is_broken() -> None:
    assert encoding_of(BytesIO(b"\xef\xbb\xbf\xff\xff\xff")) == "utf-8-sig"


def test_cp1252_bytes_that_happen_to_be_valid_utf8_are_outvoted() -> None:
    assert encoding_of(BytesIO("Ã¼ é é".encode("cp1252"))) == "cp1252"


@pytest.mark.parametrize("content", [b"caf\x81 \xe9", b"\xff\xfea", b"\xff\xfe\x00\xd8"])
def test_bytes_that_are_not_text_are_refused_and_not_quoted(content: bytes) -> None:
    with pytest.raises(PermanentError, match="export it as UTF-8") as raised:
        encoding_of(BytesIO(content))
    assert "caf" not in str(raised.value)


def test_characters_across_two_chunks_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
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
