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
_BSN = re.compile(r"(?<![\w.,-])\d(?:[ .-]?\d){8}(?![\w-])")
#: With a scheme, with www, or a host with a path: a host alone looks like a full stop without its space.
_LINK = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,15}://|\bwww\.|\b(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/)[^\s<>\"]+(?<![.,;:!?)\]'])",
    re.IGNORECASE,
)
_PLACEHOLDERS = ("[e-mail]", "[IBAN]", "[phone]", "[BSN]")


def masked(turns: Iterable[Turn]) -> tuple[tuple[Turn, ...], int]:
    """The turns with ``[e-mail]``, ``[IBAN]``, ``[phone]`` and ``[BSN]`` for what was there, and how many those are."""
    before = tuple(turns)
    after = tuple(replace(turn, content=mask(turn.content)) for turn in before)
    return after, _placeholders(after) - _placeholders(before)


def without_contacts(text: str) -> str:
    """``text`` with nobody to write to, to call or to visit: links are ``[link]``, the rest as ``mask`` has it."""
    return mask(_LINK.sub("[link]", text))


def mask(text: str) -> str:
    """``text`` without what can be recognised; a citizen service number last, for a telephone number may hold one."""
    text = _EMAIL.sub("[e-mail]", text)
    text = _IBAN.sub(_masked_iban, text)
    for match in reversed(list(phonenumbers.PhoneNumberMatcher(text, _REGION))):
        text = f"{text[: match.start]}[phone]{text[match.end :]}"
    return _BSN.sub(lambda match: "[BSN]" if bsn.is_valid(match[0]) else match[0], text)


def _placeholders(turns: Iterable[Turn]) -> int:
    return sum(turn.content.count(placeholder) for turn in turns for placeholder in _PLACEHOLDERS)


def _masked_iban(match: re.Match[str]) -> str:
    """The words behind an IBAN look like a part of it."""
    found = match[0]
    for end in range(len(found), 14, -1):
        if found[end - 1].isalnum() and iban.is_valid(found[:end]):
            return f"[IBAN]{found[end:]}"
    return found
