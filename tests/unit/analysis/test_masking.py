from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.masking import mask, mask_turns, redact_contacts


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


@given(st.text(max_size=300))
def test_masking_is_idempotent_for_any_text(text: str) -> None:
    assert mask(mask(text)) == mask(text)
