from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from livedash_core.errors import UnknownCompany, UsageError
from livedash_core.operations.companies import active_company, list_companies, save_company, set_status


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("csv_url", "", "begin with https"),
        ("csv_url", "ftp://example.com/x", "begin with https"),
        ("csv_url", "example.com/x.csv", "begin with https"),
        ("csv_url", "https:///x.csv", "begin with https"),
        ("csv_url", "https://exam ple.com/x", "cannot exist"),
        ("csv_url", "https://example.com:99999/x", "cannot exist"),
        ("csv_url", "https://me:hunter2@example.com/x", "carries a user name"),
        ("csv_url", "https://me:hunter2@example.com:port/x", "not a URL"),
        ("allowed_origins", ["https://me:hunter2@example.com"], "carries a user name"),
        ("timezone", "Europe/Amsterdm", "no time zone 'Europe/Amsterdm'"),
        ("timezone", "../../etc/passwd", "no time zone"),
        ("timezone", "", "no time zone"),
        ("monthly_budget_usd", "much", "not a budget"),
        ("monthly_budget_usd", "-1", "not a budget"),
        ("monthly_budget_usd", "NaN", "not a budget"),
        ("allowed_networks", ["127.0.0.1/8"], "has host bits set"),
        ("allowed_networks", ["office"], "not a network"),
        ("retention_days", -1, "1 to 36,500 days"),
        ("retention_days", 10**9, "1 to 36,500 days"),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_is_written(
    connection: Connection, column: str, value: Any, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        save_company(connection, "Acme", {column: value})
    assert "hunter2" not in str(raised.value)
    assert list_companies(connection) == []


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "\x1b[31mred", "half \udcff a character"])
def test_a_name_is_printable_and_on_one_line(connection: Connection, name: str) -> None:
    with pytest.raises(UsageError, match="printable"):
        save_company(connection, name, {})


def test_a_change_leaves_the_rest_alone_and_an_empty_value_takes_away(connection: Connection) -> None:
    everything = {
        "http_conn_id": "acme",
        "model": "small",
        "timezone": "Europe/Berlin",
        "allowed_networks": ["10.0.0.0/8", "fd00::/8"],
        "allowed_origins": ["HTTPS://Files.Example.com:443/path"],
    }
    assert save_company(connection, " Acme ", everything) is True
    assert save_company(connection, "Acme", {}) is False
    assert save_company(connection, "Acme", {"timezone": "UTC"}) is False
    (found,) = list_companies(connection)
    assert found["timezone"] == "UTC"
    assert found["http_conn_id"] == "acme"
    assert found["allowed_networks"] == ["10.0.0.0/8", "fd00::/8"]
    assert found["allowed_origins"] == ["https://files.example.com"]

    save_company(
        connection, "Acme", {"http_conn_id": "", "model": " ", "allowed_networks": [""], "allowed_origins": [""]}
    )
    (found,) = list_companies(connection)
    assert (found["http_conn_id"], found["model"]) == (None, None)
    assert (found["allowed_networks"], found["allowed_origins"]) == ([], [])


def test_what_is_allowed_is_added_to_and_an_empty_value_begins_anew(connection: Connection) -> None:
    def allow(*networks: str, origins: Sequence[str] = ()) -> tuple[list[str], list[str]]:
        save_company(connection, "Acme", {"allowed_networks": networks, "allowed_origins": origins})
        (found,) = list_companies(connection)
        return found["allowed_networks"], found["allowed_origins"]

    assert allow("10.0.0.0/8", origins=["https://a.example"]) == (["10.0.0.0/8"], ["https://a.example"])
    both = (["10.0.0.0/8", "127.0.0.0/8", "::1/128"], ["https://a.example", "https://b.example:8443"])
    assert allow("127.0.0.0/8", origins=["https://b.example:8443/t"]) == both
    assert allow("10.0.0.0/8", "127.0.0.0/8", origins=["https://A.example/"]) == both
    assert allow("10.0.0.0/8", "", "fd00::/8", origins=["", "https://c.example"]) == (
        ["fd00::/8"],
        ["https://c.example"],
    )


def test_only_an_active_company_may_be_processed(connection: Connection) -> None:
    save_company(connection, "Acme", {})
    active_company(connection, "Acme")
    set_status(connection, "Acme", "TRIAL")
    with pytest.raises(UsageError, match="Acme is TRIAL: only ACTIVE"):
        active_company(connection, "Acme")
    with pytest.raises(UnknownCompany):
        active_company(connection, "acme")
