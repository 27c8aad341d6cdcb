"""Find national telephone numbers and personal ids in text; pure.

Telephone numbers are checked with Google's libphonenumber, ids with the check digits that python-stdnum knows. What
stands around a number decides as well: an amount, a date, a time or the number of an order is neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import phonenumbers
from stdnum import get_cc_module

#: Digits and what separates them in telephone numbers.
_CANDIDATE = re.compile(r"(?<![\w.,:/+#-])(?:\+|\(\+)?\(?\d(?:[ .\-/()\u00a0\u2010-\u2013]{0,3}\d){6,16}(?![\w%])")
#: Days and times, which no number contains: 12.03.2026, 2026-03-12, 12/3/26, 14:30.
_MOMENT = re.compile(
    r"(?<![\d.\-/])(?:\d{1,2}([.\-/])\d{1,2}\1(?:19|20)?\d{2}|(?:19|20)\d{2}([.\-/])\d{1,2}\2\d{1,2})(?![.\-/]?\d)"
    r"(?:[T ]+\d{1,2}:\d{2}(?::\d{2})?)?|\b\d{1,2}:\d{2}(?::\d{2})?\b"
    r"|(?<![\d.])\d{1,2}\.\d{2} ?[-–] ?\d{1,2}\.\d{2}(?![\d.])"
)
_CURRENCY = r"€|\$|£|zł|\b(?:eur|euros?|usd|gbp|chf|pln|kr|bedrag|betrag|montant|importe|amount)\b"
_UNIT = re.compile(
    rf"\s{{0,2}}(?:{_CURRENCY}|[.,]\d|%|:\d|\b(?:uur|stunden|hours?|heures|horas|km|stuks|stück|pcs)\b)", re.I
)
_AMOUNT_BEFORE = re.compile(rf"(?:{_CURRENCY})\s{{0,2}}$", re.IGNORECASE)
#: An IBAN whose check digits are wrong.
_IBAN_BEFORE = re.compile(r"\b[A-Z]{2}\d{2} ?(?:[A-Z]{4} ?)?$")
_ORDER_BEFORE = re.compile(
    r"(?:#|\b(?:order|ticket|case|ref(?:erence|erentie|erenz)?|invoice|badge|article|item|customer|employee"
    r"|serial|tracking|version|bestel\w*|factuur\w*|artikel\w*|klant\w*|personeels\w*|dossier\w*|zaak\w*|kenmerk|bestell\w*"
    r"|auftrag\w*|rechnung\w*|kunden\w*|personal(?:nummer|nr)|vorgang\w*|commande|facture|pedido|factura|ordine|fattura"
    r"|zamówieni\w*|matricule|nómina|id)\b)[\s:#.°]{0,3}(?:(?:id|nr|no|num|number|nummer|numéro|numero|n°|nº)\b[\s:#.°]{0,3})?"
    r"(?:(?:is|ist|est|es|was)\s)?$",
    re.IGNORECASE,
)
#: Countries whose numbers are written without a leading 0, in groups.
_WITHOUT_PREFIX = frozenset(("ES", "IT", "PL", "PT", "DK", "NO", "LU", "CZ", "GR", "US", "CA"))
_GROUPED = re.compile(r"\d[ .\-)\u00a0]")

#: Country → python-stdnum's module, and the form in which its id is written.
_IDS: dict[str, tuple[tuple[str, str], ...]] = {
    "NL": (("bsn", r"\d{9}|\d{4}[ .]\d{2}[ .]\d{3}|\d{3}([ .-])\d{3}\2\d{3}"),),
    "BE": (("nn", r"\d{2}[. ]?\d{2}[. ]?\d{2}[-. ]?\d{3}[-. ]?\d{2}"),),
    "DE": (("idnr", r"\d{2} ?\d{3} ?\d{3} ?\d{3}"),),
    "AT": (("vnr", r"\d{4} ?\d{6}"),),
    "CH": (("ssn", r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}"),),
    "FR": (("nir", r"[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2}"),),
    "ES": (("dni", r"\d{2}\.?\d{3}\.?\d{3}[- ]?[A-Za-z]"), ("nie", r"[XYZxyz][- ]?\d{7}[- ]?[A-Za-z]")),
    "IT": (("codicefiscale", r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]"),),
    "PL": (("pesel", r"\d{11}"),),
    "PT": (("cc", r"\d{8} ?\d ?[A-Za-z0-9]{2}\d"),),
    "TR": (("tckimlik", r"\d{11}"),),
    "RO": (("cnp", r"\d{13}"),),
    "BG": (("egn", r"\d{10}"),),
    "CZ": (("rc", r"\d{6}/\d{3,4}|\d{10}"),),
    "SK": (("rc", r"\d{6}/\d{3,4}|\d{10}"),),
    "SE": (("personnummer", r"(?:\d{2})?\d{6}[-+ ]?\d{4}"),),
    "DK": (("cpr", r"\d{6}-\d{4}"),),
    "NO": (("fodselsnummer", r"\d{6} ?\d{5}"),),
    "FI": (("hetu", r"\d{6}[-+A-FU-Ya-fu-y]\d{3}[0-9A-Ya-y]"),),
    "IE": (("pps", r"\d{7}[A-Wa-w][A-IWa-iw]?"),),
    "GB": (("nhs", r"\d{3} \d{3} \d{4}"),),
    "GR": (("amka", r"\d{11}"),),
    "HR": (("oib", r"\d{11}"),),
    "US": (("ssn", r"\d{3}-\d{2}-\d{4}"),),
    "LT": (("asmens", r"\d{11}"),),
    "EE": (("ik", r"\d{11}"),),
}
#: The British national insurance number has no check digit, but a form of its own (python-stdnum has no module for it).
_NINO = re.compile(
    r"(?<!\w)(?![DFIQUV])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"
)
_ID_PATTERNS = {
    country: [(name, re.compile(rf"(?<![\w.,€$£-])({form})(?![\w-]|[.,]\d)")) for name, form in ids]
    for country, ids in _IDS.items()
}


def telephone_numbers(text: str, countries: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Start and end of the national and international telephone numbers in ``text``, in their order."""
    start = 0
    for first, last in [*(match.span() for match in _MOMENT.finditer(text)), (len(text), len(text))]:
        for match in _CANDIDATE.finditer(text, start, first):
            if can_be_telephone(text, *match.span()) and _is_telephone(match[0], countries):
                yield match.span()
        start = last


def can_be_telephone(text: str, start: int, end: int) -> bool:
    """Whether what stands around the number lets it be a telephone number: it is no amount, and no order's number."""
    before = text[max(0, start - 40) : start]
    moment = _MOMENT.search(text, start)
    if moment is not None and moment.start() < end:
        return False
    if _AMOUNT_BEFORE.search(before) or _UNIT.match(text[end : end + 12]) or _IBAN_BEFORE.search(before):
        return False
    # "order 06 1234 5678" is written like a telephone number.
    is_grouped = re.search(r"\D", text[start:end]) is not None
    return is_grouped or not _ORDER_BEFORE.search(before)


def mask_ids(text: str, countries: Sequence[str]) -> str:
    """``text`` with ``[BSN]`` for Dutch citizen service numbers and ``[national id]`` for those of other countries."""
    for country in countries:
        for name, pattern in _ID_PATTERNS.get(country, ()):
            is_valid = getattr(get_cc_module(country.lower(), name), "is_valid", None)
            placeholder = "[BSN]" if name == "bsn" else "[national id]"

            found = [match.span() for match in pattern.finditer(text) if _is_id(match, is_valid)]
            for start, end in reversed(found):
                text = f"{text[:start]}{placeholder}{text[end:]}"
    return _NINO.sub("[national id]", text) if "GB" in countries else text


def _is_id(match: re.Match[str], is_valid: Callable[[str], bool] | None) -> bool:
    text, start, end = match.string, match.start(), match.end()
    if _UNIT.match(text[end : end + 12]) or _AMOUNT_BEFORE.search(text[max(0, start - 12) : start]):
        return False
    return is_valid is not None and is_valid(match[1])


def _is_telephone(raw: str, countries: Sequence[str]) -> bool:
    digits = re.sub(r"\D", "", raw)
    if raw.lstrip("(").startswith("+") or digits.startswith("00"):
        return _is(phonenumbers.is_possible_number, "+" + digits.removeprefix("00"), None)
    if digits.startswith("0"):
        # Shorter ones are not distinguishable from other numbers, and libphonenumber lacks numbers that are in use.
        return len(digits) >= 9 and any(_is(phonenumbers.is_possible_number, digits, each) for each in countries)
    for country in countries:
        if country in _WITHOUT_PREFIX and (_GROUPED.search(raw) or country not in ("US", "CA")):
            if _is(phonenumbers.is_valid_number, digits, country):
                return True
            if country in ("US", "CA") and re.fullmatch(r"\(?[2-9]\d\d\)?[ .-]?\d{3}[ .-]\d{4}", raw):
                return True
    return False


def _is(check: Callable[[phonenumbers.PhoneNumber], bool], digits: str, country: str | None) -> bool:
    try:
        return check(phonenumbers.parse(digits, country))
    except phonenumbers.NumberParseException:
        return False
