from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from livedash_core.errors import CompanyExists, UnknownCompany, UsageError
from livedash_core.operations.companies import (
    active_company,
    add_company,
    company_id,
    list_companies,
    set_status,
    update_company,
)
from tests.integration.records import Records


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("csv_url", "", "begin with https"),
        ("csv_url", "ftp://example.com/x", "begin with https"),
        ("csv_url", "example.com/x.csv", "begin with https"),
        ("csv_url", "https:///x.csv", "begin with https"),
        ("csv_url", "https://exam ple.com/x", "cannot exist"),
        ("csv_url", "https://example.com:99999/x", "cannot exist"),
        ("csv_url", "http://169.254.169.254/latest", "network services of the machine"),
        ("csv_url", "http://[fe80::1]/x.csv", "network services of the machine"),
        ("csv_url", "http://[::ffff:169.254.169.254]/x.csv", "network services of the machine"),
        ("allowed_networks", ["169.254.0.0/16"], "its cloud's metadata"),
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
        ("date_order", "year-first", "day-first or month-first"),
        ("speaker_roles", ["Lisa"], "Lisa=Assistant"),
        ("speaker_roles", ["Lisa=Boss"], "User, Assistant, System"),
        ("speaker_roles", ["=User"], "is not a speaker's role"),
        ("speaker_roles", ["x" * 61 + "=User"], "is not a speaker's role"),
        ("http_conn_id", "", "http_conn_id must not be empty"),
        ("model", " ", "model must not be empty"),
        ("monthly_budget_usd", "", "not a budget"),
        ("allowed_networks", [""], "not a network"),
        ("allowed_origins", [""], "begin with https"),
        ("retention_days", 0, "1 to 36,500 days"),
        ("retention_days", -1, "1 to 36,500 days"),
        ("retention_days", 10**9, "1 to 36,500 days"),
    ],
)
def test_invalid_settings_are_refused_and_nothing_is_written(
    connection: Connection, column: str, value: Any, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as raised:
        add_company(connection, "Acme", {column: value})
    assert "hunter2" not in str(raised.value)
    assert list_companies(connection) == []

    add_company(connection, "Acme", {})
    before = list_companies(connection)
    with pytest.raises(UsageError, match=says):
        update_company(connection, "Acme", {column: value})
    assert list_companies(connection) == before


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "\x1b[31mred", "half \udcff a character"])
def test_a_name_is_printable_and_on_one_line(connection: Connection, name: str) -> None:
    with pytest.raises(UsageError, match="printable"):
        add_company(connection, name, {})


def test_adding_a_name_that_exists_is_refused_and_changes_nothing(connection: Connection) -> None:
    add_company(connection, "It's Acme", {"timezone": "Europe/Berlin"})
    before = list_companies(connection)
    with pytest.raises(CompanyExists, match="livedash company update") as raised:
        add_company(connection, " It's Acme ", {"timezone": "UTC"})
    assert shlex.split(str(raised.value).rpartition(": ")[2]) == ["livedash", "company", "update", "It's Acme"]
    assert list_companies(connection) == before


def test_a_company_is_found_without_regard_to_case_and_spaces(connection: Connection) -> None:
    add_company(connection, "Straße AG", {})
    for name in ("Straße AG", " STRASSE ag ", "straße ag"):
        assert active_company(connection, name) == company_id(connection, "Straße AG")
    with pytest.raises(CompanyExists):
        add_company(connection, "STRASSE AG", {})
    set_status(connection, "straße AG ", "SUSPENDED")
    with pytest.raises(UsageError, match=r"^Straße AG is SUSPENDED"):
        active_company(connection, "straße ag")


def test_a_name_that_two_companies_have_in_other_letters_is_refused(connection: Connection, records: Records) -> None:
    # Companies that were migrated from livedash-node may differ in case only.
    first, second = records.company("Acme"), records.company("ACME")
    assert company_id(connection, "Acme") == first
    assert company_id(connection, "ACME") == second
    with pytest.raises(UsageError, match="several companies are called 'acme' in other letters: ACME, Acme"):
        company_id(connection, "acme")


def test_updating_an_unknown_company_is_refused_and_adds_none(connection: Connection) -> None:
    with pytest.raises(UnknownCompany):
        update_company(connection, "Acme", {"timezone": "UTC"})
    assert list_companies(connection) == []


def test_an_update_changes_and_clears_only_the_named_settings(connection: Connection) -> None:
    everything = {
        "http_conn_id": "acme",
        "model": "small",
        "timezone": "Europe/Berlin",
        "retention_days": 30,
        "monthly_budget_usd": "12.50",
        "allowed_networks": ["10.0.0.0/8", "fd00::/8"],
        "allowed_origins": ["HTTPS://Files.Example.com:443/path"],
    }
    add_company(connection, " Acme ", everything)
    update_company(connection, "Acme", {})
    update_company(connection, "Acme", {"timezone": "UTC"})
    (found,) = list_companies(connection)
    assert found["timezone"] == "UTC"
    assert found["http_conn_id"] == "acme"
    assert found["allowed_networks"] == ["10.0.0.0/8", "fd00::/8"]
    assert found["allowed_origins"] == ["https://files.example.com"]

    nullable = ["http_conn_id", "model", "retention_days", "monthly_budget_usd"]
    update_company(connection, "Acme", {}, clear=[*nullable, "allowed_networks", "allowed_origins"])
    (found,) = list_companies(connection)
    assert [found[column] for column in nullable] == [None] * 4
    assert (found["allowed_networks"], found["allowed_origins"]) == ([], [])
    assert found["timezone"] == "UTC"


def test_an_update_adds_to_the_allowed_lists_unless_they_are_cleared(connection: Connection) -> None:
    add_company(connection, "Acme", {})

    def allow(*networks: str, origins: Sequence[str] = (), clear: Sequence[str] = ()) -> tuple[list[str], list[str]]:
        changes = {"allowed_networks": networks, "allowed_origins": origins}
        update_company(connection, "Acme", changes, clear=clear)
        (found,) = list_companies(connection)
        return found["allowed_networks"], found["allowed_origins"]

    assert allow("10.0.0.0/8", origins=["https://a.example"]) == (["10.0.0.0/8"], ["https://a.example"])
    both = (["10.0.0.0/8", "127.0.0.0/8", "::1/128"], ["https://a.example", "https://b.example:8443"])
    assert allow("127.0.0.0/8", origins=["https://b.example:8443/t"]) == both
    assert allow("10.0.0.0/8", "127.0.0.0/8", origins=["https://A.example/"]) == both
    assert allow("fd00::/8", origins=["https://c.example"], clear=["allowed_networks", "allowed_origins"]) == (
        ["fd00::/8"],
        ["https://c.example"],
    )


def test_an_update_adds_to_the_speakers_roles_unless_they_are_cleared(connection: Connection) -> None:
    add_company(connection, "Acme", {"speaker_roles": ["Lisa=assistant", "a=b = User"]})

    def roles(*given: str, clear: Sequence[str] = ()) -> dict[str, str]:
        update_company(connection, "Acme", {"speaker_roles": given} if given else {}, clear=clear)
        (found,) = list_companies(connection)
        return dict(found["speaker_roles"])

    assert roles("Jan=User") == {"Lisa": "Assistant", "a=b": "User", "Jan": "User"}
    assert roles("Jan=System", clear=["speaker_roles"]) == {"Jan": "System"}
    assert roles(clear=["speaker_roles"]) == {}


def test_only_an_active_company_may_be_processed(connection: Connection) -> None:
    add_company(connection, "Acme", {})
    active_company(connection, "Acme")
    set_status(connection, "Acme", "TRIAL")
    with pytest.raises(UsageError, match="Acme is TRIAL: only ACTIVE"):
        active_company(connection, "Acme")
    with pytest.raises(UnknownCompany):
        active_company(connection, "acme inc")
