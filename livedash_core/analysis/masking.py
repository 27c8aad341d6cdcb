"""Personal numbers and addresses taken out of what a model is told, and out of what it says; pure.

E-mail addresses by their shape, telephone numbers by Google's libphonenumber, IBANs and Dutch citizen service numbers
(BSN) by their check digits. Names are not recognised: no rule can, and none pretends to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import phonenumbers
from stdnum import iban
from stdnum.nl import bsn

from livedash_core.analysis.contract import Turn

#: Numbers without a country code are taken to be Dutch, as the BSN is.
_REGION = "NL"
_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
#: What may begin with an IBAN; how long it is, its country says.
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
#: No telephone number has fewer digits, and no BSN. To look for them in every text costs more than all the rest.
_FIVE_DIGITS = re.compile(r"(?:\d\D*){5}")
_BSN = re.compile(r"(?<![\w.,-])\d(?:[ .-]?\d){8}(?![\w-])")
#: What a host without a path must end with: "well.Then" is a full stop without its space, "report.pdf" is a file.
_DOMAINS = (
    "com|net|org|info|biz|eu|io|co|me|ai|app|dev|cloud|tech|online|site|website|page|link|click|live|shop|store|xyz|top|"
    "example|nl|be|de|at|ch|lu|fr|uk|ie|es|pt|it|pl|cz|dk|se|no|fi|tr|us|ca|ru|cn|in"
)
#: With a scheme, with www, a host with a path, or a host alone.
_LINK = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,15}://|\bwww\.|\b(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/)[^\s<>\"]+(?<![.,;:!?)\]'])"
    rf"|\b(?:[a-z0-9-]{{2,63}}\.){{1,8}}(?-i:{_DOMAINS}|{_DOMAINS.upper()})\b(?![.-]?\w)",
    re.IGNORECASE,
)
_LINK_SIGN = re.compile(r"\.\S|://")
_PLACEHOLDERS = ("[e-mail]", "[IBAN]", "[phone]", "[BSN]")
_ANY_PLACEHOLDER = re.compile("|".join(re.escape(placeholder) for placeholder in (*_PLACEHOLDERS, "[link]")))


def masked(turns: Iterable[Turn]) -> tuple[tuple[Turn, ...], int]:
    """The turns with ``[e-mail]``, ``[IBAN]``, ``[phone]`` and ``[BSN]`` for what was there, and how many those are."""
    before = tuple(turns)
    after = tuple(replace(turn, content=mask(turn.content)) for turn in before)
    return after, _placeholders(after) - _placeholders(before)


def without_contacts(text: str) -> str:
    """``text`` with nobody to write to, to call or to visit: links are ``[link]``, the rest as ``mask`` has it."""
    text = _without_addresses(text)  # first: an address holds a host
    return mask(_LINK.sub("[link]", text) if _LINK_SIGN.search(text) else text)


def without_placeholders(text: str) -> str:
    """What of ``text`` stands beside the placeholders."""
    return _ANY_PLACEHOLDER.sub("", text)


def mask(text: str) -> str:
    """``text`` without what can be recognised; a citizen service number last, for a telephone number may hold one."""
    text = _IBAN.sub(_masked_iban, _without_addresses(text))
    if not _FIVE_DIGITS.search(text):
        return text
    for match in reversed(list(phonenumbers.PhoneNumberMatcher(text, _REGION))):
        text = f"{text[: match.start]}[phone]{text[match.end :]}"
    return _BSN.sub(lambda match: "[BSN]" if bsn.is_valid(match[0]) else match[0], text)


def _without_addresses(text: str) -> str:
    return _EMAIL.sub("[e-mail]", text) if "@" in text else text


def _placeholders(turns: Iterable[Turn]) -> int:
    return sum(turn.content.count(placeholder) for turn in turns for placeholder in _PLACEHOLDERS)


def _masked_iban(match: re.Match[str]) -> str:
    """The words behind an IBAN look like a part of it."""
    found = match[0]
    for end in range(len(found), 14, -1):
        if found[end - 1].isalnum() and iban.is_valid(found[:end]):
            return f"[IBAN]{found[end:]}"
    return found
