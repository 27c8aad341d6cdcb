from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.masking import mask, mask_turns, redact_contacts
from livedash_core.analysis.places import countries_of


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("Mail naar jan.de-vries+hr@mail.voorbeeld.nl!", "Mail naar [e-mail]!"),
        ("Bel 06-12345678 of +49 30 901820 morgen", "Bel [phone] of [phone] morgen"),
        ("Mijn nummer is 0612345678.", "Mijn nummer is [phone]."),
        ("IBAN NL91 ABNA 0417 1643 00 voor salaris", "IBAN [IBAN] voor salaris"),
        ("nl91abna0417164300", "[IBAN]"),
        ("DE89 3704 0044 0532 0130 00, Kontoinhaber", "[IBAN], Kontoinhaber"),
        ("BSN 111222333 en 1112.22.333", "BSN [BSN] en [BSN]"),
    ],
)
def test_personal_identifiers_are_masked(text: str, without: str) -> None:
    assert mask(text) == without


@pytest.mark.parametrize(
    "text",
    [
        "Op 12-03-2026 om 12:30 werkte ik 38,5 uur voor 2450,75 euro",
        "Bestelling 123456789",  # no citizen service number: its digits do not add up
        "NL91 ABNA 0417 1640 00",  # a digit is wrong
        "het is 19:00 @ kantoor",
        "Artikel 7.12.3, lid 4, versie 2026.11.1",
    ],
)
def test_other_numbers_are_not_masked(text: str) -> None:
    assert mask(text) == text


def test_roles_and_order_stay_and_replacements_are_counted() -> None:
    turns = (Turn("User", "mail a@b.nl of c@d.nl, 06-12345678"), Turn("Assistant", "[e-mail]?"))
    after = (Turn("User", "mail [e-mail] of [e-mail], [phone]"), Turn("Assistant", "[e-mail]?"))
    assert mask_turns(turns) == (after, 3)


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("Pay at https://evil.example/pay?id=1, then (www.evil.nl).", "Pay at [link], then ([link])."),
        ("See EVIL.example/login now", "See [link] now"),
        ("Call +31 6 12345678 or write to a@b.nl", "Call [phone] or write to [e-mail]"),
        ("Log in at hr.acme.co.uk, acme.nl or EVIL.COM.", "Log in at [link], [link] or [link]."),
        ("Open report.pdf in Node.js, as jan@hr.acme.nl says", "Open report.pdf in Node.js, as [e-mail] says"),
        (
            "It ended well.Then and/or 38.5/week, i.e./e.g. leave",
            "It ended well.Then and/or 38.5/week, i.e./e.g. leave",
        ),
    ],
)
def test_addresses_numbers_and_links_are_redacted(text: str, without: str) -> None:
    assert redact_contacts(text) == without


@pytest.mark.parametrize(
    ("session", "found"),
    [
        (("Germany", "Europe/Vienna", "nl-BE"), ("DE", "AT", "NL", "BE")),
        (("de", "UTC", None), ("DE", "NL")),
        (("Deutschland", "", ""), ("DE", "NL")),
        (("UK", None, None), ("GB", "NL")),
        ((None, "Europe/Paris", None), ("FR", "NL")),
        ((None, "UTC", "Polnisch"), ("NL", "PL")),
        ((None, None, "pt-BR"), ("NL", "PT", "BR")),
        (("Narnia", "Mars/Base", "klingon"), ("NL",)),
    ],
)
def test_the_countries_of_a_session(session: tuple[str | None, ...], found: tuple[str, ...]) -> None:
    assert countries_of(*session) == found


@pytest.mark.parametrize(
    ("country", "text", "without"),
    [
        ("DE", "Ruf 0151 23456789 an, (040) 7654321 oder 089/765432.", "Ruf [phone] an, [phone] oder [phone]."),
        ("DE", "0049 151 23456789 und +49 (0)40 7654321", "[phone] und [phone]"),
        ("DE", "Steuer-ID 86 095 742 719", "Steuer-ID [national id]"),
        ("AT", "Sozialversicherung 1237 010180", "Sozialversicherung [national id]"),
        ("GB", "020 7946 0321, 07700 900456 or 07700900456", "[phone], [phone] or [phone]"),
        ("GB", "My NI number is AB 12 34 56 C", "My NI number is [national id]"),
        ("FR", "au 01 44 55 66 77 ou 06.98.76.54.32", "au [phone] ou [phone]"),
        ("FR", "NIR 1 85 05 78 006 084 91", "NIR [national id]"),
        ("BE", "0471 22 33 44 en 03 234 56 78", "[phone] en [phone]"),
        ("BE", "rijksregister 85.07.30-033 28", "rijksregister [national id]"),
        ("ES", "llama al 622 334 455 o 913456789", "llama al [phone] o [phone]"),
        ("ES", "DNI 12345678Z y NIE X1234567L", "DNI [national id] y NIE [national id]"),
        ("IT", "06 9876543, 347 765 4321, RSSMRA85T10A562S", "[phone], [phone], [national id]"),
        ("PL", "tel. 501 222 333, PESEL 44051401359", "tel. [phone], PESEL [national id]"),
        ("US", "(212) 555-0123, 212-555-0123, SSN 536-90-4399", "[phone], [phone], SSN [national id]"),
        ("NL", "010-7654321, 06 - 12 34 56 78", "[phone], [phone]"),
        ("DE", "am 12.03.2026 um 14:30: 0151 23456789", "am 12.03.2026 um 14:30: [phone]"),
    ],
)
def test_the_numbers_of_a_country_are_masked(country: str, text: str, without: str) -> None:
    assert mask(text, countries_of(country, None)) == without
    turns, masked = mask_turns([Turn("User", text)], countries_of(None, None, f"x-{country}"))
    assert (turns[0].content, masked) == (without, without.count("["))


@pytest.mark.parametrize("country", ["NL", "DE", "GB", "FR", "ES", "PL", "US", "BE"])
@pytest.mark.parametrize(
    "text",
    [
        "12.03.2026, 2026-03-12, 12/03/2026 14:30, 01-02-2026 t/m 05-03-2026",
        "20260101 - 20260131, 08.00 - 16.30, 08:00-16:30 und 09.15–17.45",
        "1.234.567,89 EUR, € 622.334.455, 1,234,567.89 USD, 622 334 455 zł",
        "order 4500123456, Bestellung 7700900123, bestelling 612345678, pedido 622334455, #0612345678",
        "Bestellnummer 0151234567, commande: 0698765432, ticket nr. 0612345678",
        "38 40 36 38 40 uur, 100 200 300 stuks, 12 345 678,50",
        "versie 10.20.30.40, artikel 7.12.3, code 12345678901234567890",
    ],
)
def test_amounts_moments_and_orders_are_no_personal_numbers(country: str, text: str) -> None:
    assert mask(text, countries_of(country, None)) == text


@given(st.text(st.sampled_from("0123456789 .-/()+€ABCab,:"), max_size=60))
def test_masking_numbers_is_idempotent(text: str) -> None:
    countries = ("NL", "DE", "GB", "US", "ES")
    assert mask(mask(text, countries), countries) == mask(text, countries)


@given(st.text(max_size=300))
def test_masking_is_idempotent_for_any_text(text: str) -> None:
    assert mask(mask(text)) == mask(text)
