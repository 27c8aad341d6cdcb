"""Find the countries whose telephone numbers and personal ids may occur in a conversation; pure."""

from __future__ import annotations

import re

from livedash_core.analysis.normalise import language_code

#: Language → the countries whose residents write it (ISO 3166), as far as chats of Western Europe are concerned.
_COUNTRIES: dict[str, tuple[str, ...]] = {
    "nl": ("NL", "BE"),
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH", "LU"),
    "en": ("GB", "IE", "US"),
    "es": ("ES",),
    "it": ("IT", "CH"),
    "pt": ("PT", "BR"),
    "pl": ("PL",),
    "tr": ("TR",),
    "ro": ("RO",),
    "bg": ("BG",),
    "hu": ("HU",),
    "cs": ("CZ",),
    "sk": ("SK",),
    "uk": ("UA",),
    "da": ("DK",),
    "sv": ("SE",),
    "nb": ("NO",),
    "no": ("NO",),
    "fi": ("FI",),
    "el": ("GR",),
    "hr": ("HR",),
}
#: Always among the countries: LiveDash's users are in the Netherlands.
HOME = "NL"


def countries_of(country: str | None, timezone: str | None, *languages: str | None) -> tuple[str, ...]:
    """The countries (ISO 3166) of a session: its own, its company's by time zone, those of its languages, and ``HOME``.

    A label that is not understood adds nothing.
    """
    found = [_country_code(country or ""), _country_of_zone(timezone or ""), HOME]
    for language in languages:
        code = language_code(language or "")
        found += _COUNTRIES.get(code, ())
        # "de-AT" names a country.
        found += [part for part in re.split("[-_]", language or "")[1:2] if re.fullmatch("[A-Z]{2}", part)]
    return tuple(dict.fromkeys(code for code in found if code))


def _country_code(label: str) -> str | None:
    """ISO 3166 for a code or a name in English, or in the country's own language."""
    folded = label.strip().casefold()
    if re.fullmatch("[a-z]{2}", folded):
        return {"UK": "GB", "EL": "GR"}.get(folded.upper(), folded.upper())
    if not folded:
        return None
    from babel import Locale

    for locale in ("en", "nl", "de", "fr", "es", "it", "pl", "pt"):
        for code, name in Locale(locale).territories.items():
            if len(code) == 2 and code.isalpha() and name.casefold() == folded:
                return str(code)
    return None


def _country_of_zone(timezone: str) -> str | None:
    from babel.core import get_global

    found = get_global("zone_territories").get(timezone)
    return str(found) if found and re.fullmatch("[A-Z]{2}", found) else None
