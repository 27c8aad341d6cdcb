"""Replace personal identifiers by placeholders, in conversations sent to a model and in its replies; pure.

E-mail addresses are recognised by a pattern, telephone numbers by Google's libphonenumber, IBANs and national ids such
as the Dutch citizen service number (BSN) by their check digits. Names are not recognised, because rules cannot do that
reliably.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import phonenumbers
from stdnum import iban

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.personal_numbers import can_be_telephone, mask_ids, telephone_numbers
from livedash_core.analysis.places import HOME

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
#: Text that may start with an IBAN; the length of an IBAN depends on its country.
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
#: No telephone number and no national id has fewer digits. The check saves the most expensive search.
_FIVE_DIGITS = re.compile(r"(?:\d\D*){5}")
#: Top-level domains of a host without scheme and path: "well.Then" is a missing space, "report.pdf" is a file.
_DOMAINS = (
    "com|net|org|info|biz|eu|io|co|me|ai|app|dev|cloud|tech|online|site|website|page|link|click|live|shop|store|xyz|top|"
    "example|nl|be|de|at|ch|lu|fr|uk|ie|es|pt|it|pl|cz|dk|se|no|fi|tr|us|ca|ru|cn|in"
)
#: A URL with a scheme, with www, a host with a path, or a host alone.
_LINK = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,15}://|\bwww\.|\b(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}/)[^\s<>\"]+(?<![.,;:!?)\]'])"
    rf"|\b(?:[a-z0-9-]{{2,63}}\.){{1,8}}(?-i:{_DOMAINS}|{_DOMAINS.upper()})\b(?![.-]?\w)",
    re.IGNORECASE,
)
_LINK_HINT = re.compile(r"\.\S|://")
_PLACEHOLDERS = ("[e-mail]", "[IBAN]", "[phone]", "[BSN]", "[national id]")
_ANY_PLACEHOLDER = re.compile("|".join(re.escape(placeholder) for placeholder in (*_PLACEHOLDERS, "[link]")))


def mask_turns(turns: Iterable[Turn], countries: Sequence[str] = (HOME,)) -> tuple[tuple[Turn, ...], int]:
    """Mask the content of each turn; returns the turns and the number of replacements.

    National telephone numbers and ids are those of ``countries`` (``places.countries_of``).
    """
    before = tuple(turns)
    after = tuple(replace(turn, content=mask(turn.content, countries)) for turn in before)
    return after, _count_placeholders(after) - _count_placeholders(before)


def redact_contacts(text: str) -> str:
    """Replace links by ``[link]``, and what ``mask`` replaces: the result has no address, number or link."""
    text = _mask_emails(text)  # before the links, because an e-mail address contains a host
    return mask(_LINK.sub("[link]", text) if _LINK_HINT.search(text) else text)


def remove_placeholders(text: str) -> str:
    """``text`` without its placeholders."""
    return _ANY_PLACEHOLDER.sub("", text)


def mask(text: str, countries: Sequence[str] = (HOME,)) -> str:
    """Replace e-mail addresses, IBANs, telephone numbers and national ids by placeholders such as ``[e-mail]``.

    Masking a masked text changes nothing.
    """
    text = _IBAN.sub(_mask_iban, _mask_emails(text))
    if not _FIVE_DIGITS.search(text):
        return text
    found = [(match.start, match.end) for match in phonenumbers.PhoneNumberMatcher(text, HOME)]
    spans = [(start, end) for start, end in found if can_be_telephone(text, start, end)]
    # From the last to the first, because a placeholder changes the positions behind it.
    spans = sorted({*spans, *telephone_numbers(text, countries)}, reverse=True)
    start_of_last = len(text)
    for start, end in spans:
        if end <= start_of_last:
            text = f"{text[:start]}[phone]{text[end:]}"
            start_of_last = start
    # After the telephone numbers, which may contain a valid BSN.
    return mask_ids(text, countries)


def _mask_emails(text: str) -> str:
    return _EMAIL.sub("[e-mail]", text) if "@" in text else text


def _count_placeholders(turns: Iterable[Turn]) -> int:
    return sum(turn.content.count(placeholder) for turn in turns for placeholder in _PLACEHOLDERS)


def _mask_iban(match: re.Match[str]) -> str:
    """Replace the longest valid prefix: the pattern also matches the words after an IBAN."""
    found = match[0]
    for end in range(len(found), 14, -1):
        if found[end - 1].isalnum() and iban.is_valid(found[:end]):
            return f"[IBAN]{found[end:]}"
    return found
