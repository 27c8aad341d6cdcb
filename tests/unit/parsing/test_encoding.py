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
    assert encoding_of(BytesIO(content)).name == expected
    assert content.decode(expected).strip() in (ZURICH.strip(), "plain", "")


def test_a_cut_character_does_not_turn_utf8_into_cp1252() -> None:
    assert encoding_of(BytesIO(ZURICH.encode() + b"Z\xc3\n" + ZURICH.encode())).name == "utf-8-sig"


def test_a_lone_surrogate_does_not_turn_utf8_into_cp1252() -> None:
    assert encoding_of(BytesIO("plain \ud800 text".encode("utf-8", "surrogatepass"))).name == "utf-8-sig"


def test_a_byte_order_mark_decides_however_much_is_broken() -> None:
    assert encoding_of(BytesIO(b"\xef\xbb\xbf\xff\xff\xff")).name == "utf-8-sig"


def test_cp1252_bytes_that_happen_to_be_valid_utf8_are_outvoted() -> None:
    assert encoding_of(BytesIO("Ã¼ é é".encode("cp1252"))).name == "cp1252"


@pytest.mark.parametrize("content", [b"\xff\xfea", b"\xff\xfe\x00\xd8"])
def test_bytes_that_are_not_text_are_refused_and_not_quoted(content: bytes) -> None:
    with pytest.raises(PermanentError, match="export it as UTF-8") as raised:
        encoding_of(BytesIO(content))
    assert "caf" not in str(raised.value)


def test_characters_across_two_chunks_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_CHUNK_BYTES", 1)
    assert encoding_of(BytesIO(ZURICH.encode())).name == "utf-8-sig"
    assert encoding_of(BytesIO(ZURICH.encode("utf-16"))).name == "utf-16"


TEXTS = {
    "German": "Wie viele Tage Urlaub habe ich noch für Köln? Zürich grüßt",
    "French": "Où puis-je déposer une demande de congé à côté",
    "Dutch": "Hoeveel dagen verlof heb ik – één of coördinatie? €5",
    "Polish": "Zażółć gęślą jaźń ile dni urlopu",
    "Russian": "Сколько дней отпуска у меня есть?",
}


@pytest.mark.parametrize(
    ("language", "name"),
    [
        *(("German", "cp1252"), ("German", "mac_roman"), ("German", "cp850"), ("French", "cp1252")),
        *(("French", "mac_roman"), ("French", "cp850"), ("Dutch", "cp1252"), ("Polish", "cp1250")),
        *(("Russian", "cp1251"), ("Russian", "koi8_r")),
    ],
)
def test_text_that_is_neither_utf8_nor_declared_is_read_by_a_guess_with_a_note(language: str, name: str) -> None:
    content = "".join(f"S-{number},10.11.2026,NL,{TEXTS[language]}\n" for number in range(20)).encode(name)
    found = encoding_of(BytesIO(content))
    assert content.decode(found.name) == content.decode(name)
    assert found.note is not None
    assert "guess" in found.note


@pytest.mark.parametrize(
    ("language", "charset"),
    [("Polish", "iso-8859-2"), ("Russian", "windows-1251"), ("Russian", "x-mac-cyrillic"), ("Russian", "cp866")],
)
def test_a_declared_charset_holds(language: str, charset: str) -> None:
    codec = charset.replace("x-", "")
    content = TEXTS[language].encode(codec)
    found = encoding_of(BytesIO(content), codec)
    assert (content.decode(found.name), found.note) == (TEXTS[language], None)


def test_a_declared_charset_that_the_bytes_contradict_is_noted() -> None:
    found = encoding_of(BytesIO(ZURICH.encode() + b"x"), "utf-16")
    assert found.name == "utf-8-sig"
    assert "not utf-16, as its server says" in str(found.note)


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["plain text only", "Wąsa and others with mostly ASCII"])
def test_utf16_without_a_mark_is_recognised_by_its_nuls(name: str, text: str) -> None:
    found = encoding_of(BytesIO(text.encode(name)))
    assert (found.name, "NUL" in str(found.note)) == (name, True)


@pytest.mark.parametrize("lost", [1, 2])
def test_one_emoji_that_lost_bytes_does_not_turn_utf8_into_windows_text(lost: int) -> None:
    emoji = "😀".encode()
    for broken in (emoji[:-lost], emoji[1:]):
        found = encoding_of(BytesIO(b"plain text " + broken + b" and more\n"))
        assert found.name == "utf-8-sig"
        assert "1 broken character" in str(found.note)


@given(st.binary())
@settings(max_examples=100, deadline=None)
def test_any_bytes_have_an_encoding_or_are_refused(content: bytes) -> None:
    try:
        found = encoding_of(BytesIO(content)).name
    except PermanentError:
        return
    content.decode(found, "surrogateescape" if found == "utf-8-sig" else "strict")
