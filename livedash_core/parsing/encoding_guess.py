"""Guesses the encoding of text that is not UTF-8 and has no declared charset, from its words beyond ASCII."""

from __future__ import annotations

import re
from collections.abc import Callable

#: Encodings that charset-normalizer chooses from, after the Western ones have made no words.
_GUESSES = [
    *("cp1250", "iso8859_2", "cp852", "cp1251", "koi8_r", "cp866", "mac_cyrillic", "cp1253", "cp1254", "cp1255"),
    *("cp1256", "cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
#: A word, with what stands for a letter in the wrong encoding.
_WORD = re.compile(r"[^\W\d_]*[^\x00-\x7f][^\s,;|\"'’‘”“„…–—()\[\]/.:!?-]*")
_SIGNS_IN_TEXT = frozenset("€£¥§°©®™…–—‘’‚“”„«»¿¡·•¹²³½¼¾×±\u00a0\u00ad")
_WESTERN = (
    frozenset("".join(map(chr, range(128))) + "äöüßÄÖÜéèêëÉÈÊËàâáãÀÂÁçÇñÑîïíìÎÏÍôóòõÔÓûúùÛÚœŒæÆÅåøØ") | _SIGNS_IN_TEXT
)
#: Letters of Icelandic in Windows-1252, where Turkish has ğ, ı and ş; and letters that Turkish does not have.
_ICELANDIC = frozenset("ðþýÐÞÝ")
_NOT_TURKISH = frozenset("áéíóúæÁÉÍÓÚÆ")
#: ISO 8859-15 has letters and the euro sign where Windows-1252 has signs that do not stand inside words.
_LATIN_9 = re.compile("[a-zà-ÿ]½[a-zà-ÿ]|(?<![^\\W\\d_])[¼½][a-zà-ÿ]{2}|[0-9] ?¤|¤ ?[0-9]")
#: Of the words, the share that may look odd in Windows-1252.
_ODD_WORDS = 0.2
#: "£ukasz", "szybk¹": letters of another encoding; "20 £" and "m³" are not meant.
_SIGN_AT_LETTER = re.compile("[£¥¶±¹¼½¾¤¦][^\\W\\d_]|[^\\W\\d_]{3,}[£¥¶±¹³¼½¾¤¦]")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
#: Bytes of C1 controls, which ISO 8859 leaves empty and Windows code pages use.
_C1 = re.compile(rb"[\x80-\x9f]")


def guess(sample: bytes, decodes: Callable[[str], bool]) -> str | None:
    """Return the likeliest codec; None if none fits.

    ``sample`` are the words of a file that are not ASCII, ``decodes`` tells whether all of the file can be read with a
    codec. Windows-1252 comes first, if the words are such as Western languages have.
    """
    western = sample.decode("cp1252", "replace")
    odd = _share_of_odd_words(western)
    if not _C1.search(sample) and _LATIN_9.search(western):
        latin_9 = sample.decode("iso8859_15")
        if _share_of_odd_words(latin_9) <= _ODD_WORDS and decodes("iso8859_15"):
            return "iso8859_15"
    if odd <= _ODD_WORDS and decodes("cp1252"):
        return "cp1254" if _is_turkish(western) else "cp1252"
    # One or two letters are no word: there is nothing to guess from.
    if any(len(word.split()[0]) > 2 for word in _WORD.findall(sample.decode("latin-1")) if word.split()):
        for codec in ("mac_roman", "cp850"):
            text = sample.decode(codec, "replace")
            is_western = set("".join(_WORD.findall(text))) <= _WESTERN
            if is_western and _share_of_odd_words(text) <= _ODD_WORDS and decodes(codec):
                return codec
        # Imported here, because few files need it and many commands import this module.
        import charset_normalizer

        found = charset_normalizer.from_bytes(sample, cp_isolation=_GUESSES, threshold=0.6)
        likely = [one.encoding for one in found if decodes(one.encoding) and not _is_half_width(sample, one.encoding)]
        if "iso8859_2" in likely and likely[0] == "cp1250" and not _C1.search(sample):
            likely.insert(0, "iso8859_2")
        if likely and (odd > 0.5 or _share_of_odd_words(sample.decode(likely[0], "replace")) < odd):
            return likely[0]
    return "cp1252" if decodes("cp1252") else None


def _is_half_width(sample: bytes, codec: str) -> bool:
    """Whether text is full of Japanese letters of half the width, as other Asian text becomes in Shift JIS."""
    text = sample.decode(codec, "replace")
    return 10 * len(_HALF_WIDTH.findall(text)) > len(text)


def _is_turkish(text: str) -> bool:
    """Whether text in Windows-1252 has its letters of Icelandic and none of those that Icelandic always has."""
    letters = set(text)
    return not _ICELANDIC.isdisjoint(letters) and _NOT_TURKISH.isdisjoint(letters)


def _share_of_odd_words(text: str) -> float:
    """Return the share of words beyond ASCII that are not written as words are: with signs or capitals inside."""
    good = bad = 0
    for word in _WORD.findall(text):
        if _SIGN_AT_LETTER.search(word):
            bad += 1
            continue
        letters = word.strip("".join(_SIGNS_IN_TEXT))
        if not letters or letters.isascii():
            continue
        inner = letters[1:]
        is_odd = (
            any(not letter.isalpha() and not letter.isascii() for letter in letters)
            or (any(letter.isupper() and letter > "\x7f" for letter in inner) and any(map(str.islower, letters)))
            or re.search(r"[^\x00-\x7f]{3}", letters) is not None
        )
        bad += is_odd
        good += not is_odd
    return bad / (good + bad) if good + bad else 0
