"""What stands in a CSV or on a command line may be anything: it is a URL, or refused as one of our errors."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from livedash_core.clients.source import Source
from livedash_core.errors import PermanentError, UsageError
from livedash_core.operations.companies import checked_url
from tests.unit.clients.conftest import COMPANY_ID

HOME = "https://files.example"
SOURCE = Source(COMPANY_ID, "Acme", f"{HOME}/sessions.csv", None, (), ())
PIECES = st.sampled_from(
    [
        *("https://", "http://", HOME, "//", "/", "\\", "?", "#", "@", ":", ":443", ":99999", ":-1", "[", "]", "[::1]"),
        *("[::1%25eth0]", "[v1.a]", "1.2.3.4", "0x7f", ".", "..", "xn--", "xn--a", "xn--bcher-kva", "a" * 70),
        *("%", "%zz", "\u2100", "\uff0e", "\xdf", "\u0130", "\ud800", "\0", " ", "\n"),
    ]
)
ADDRESSES = st.lists(PIECES | st.text(max_size=4), max_size=8).map("".join)


@given(ADDRESSES | ADDRESSES.map(HOME.__add__))
@example("https://....xn--a/")
@example(f"{HOME}xn--a /t")
@example("\ud800")
@settings(max_examples=300, deadline=None)
def test_any_address_is_a_target_or_refused(address: str) -> None:
    try:
        target = SOURCE.target(address)
    except PermanentError:
        pass
    else:
        assert target.shown.startswith(HOME)
    with suppress(UsageError):
        assert checked_url(address, "the CSV's address") == address


@pytest.mark.parametrize("host", ["xn--bcher-kva.example", "my_files.xn--bcher-kva.example", "xn--i-7iq.ws"])
def test_a_host_with_other_than_latin_letters_can_be_allowed(host: str) -> None:
    assert checked_url(f"https://{host}", "an allowed origin") == f"https://{host}"
    source = Source(COMPANY_ID, "Acme", HOME, None, (f"https://{host}",), ())
    assert source.target(f"https://{host}/t").origin == f"https://{host}"
