from __future__ import annotations

import re

from tests.integration.cli.conftest import CommandLine

CSV = "https://chats.example.com/a/path/that/is/longer/than/most/terminals/are/wide/and/must/be/shown/whole.csv"


def test_a_company_is_added_updated_listed_and_suspended(livedash: CommandLine) -> None:
    added, _ = livedash("company", "add", "Grüne Wiese", "--csv-url", CSV, "--allow-network", "127.0.0.0/8")
    options = (
        "--http-conn-id",
        "acme",
        "--timezone",
        "Europe/Amsterdam",
        "--analyzer",
        "openai",
        "--model",
        "small",
        "--mode",
        "batch",
        "--retention-days",
        "30",
        "--monthly-budget",
        "12.50",
        "--mask-personal-data",
        "--role",
        "Lisa Jansen=Assistant",
        "--date-order",
        "month-first",
    )
    updated, _ = livedash("company", "update", "Grüne Wiese", *options, "--allow-origin", "https://files.example.com/x")
    assert added == "Grüne Wiese: added.\n"
    assert updated.splitlines() == [
        "Grüne Wiese: updated.",
        "Stored sessions keep their times; to read them again: livedash company redate 'Grüne Wiese'",
    ]
    assert livedash("company", "set-status", "Grüne Wiese", "suspended")[0] == "Grüne Wiese is SUSPENDED.\n"

    (company,) = livedash.json("company", "list")
    assert re.fullmatch("livedash_company_grune_wiese_[0-9a-f]{8}", company.pop("resource"))
    assert [company] == [
        {
            "name": "Grüne Wiese",
            "status": "SUSPENDED",
            "csv_url": CSV,
            "http_conn_id": "acme",
            "timezone": "Europe/Amsterdam",
            "allowed_origins": ["https://files.example.com"],
            "allowed_networks": ["127.0.0.0/8", "::1/128"],  # localhost is both
            "analyzer": "openai",
            "speaker_roles": {"Lisa Jansen": "Assistant"},
            "date_order": "month first",
            "model": "small",
            "mode": "batch",
            "retention_days": 30,
            "monthly_budget_usd": "12.50",
            "mask_personal_data": True,
        }
    ]
    listed, _ = livedash("company", "list")
    assert CSV in listed
    assert "…" not in listed


def test_invalid_values_are_wrong_usage_and_a_password_in_a_url_is_not_repeated(livedash: CommandLine) -> None:
    password, status, nobody = livedash.refuses(
        ("company", "add", "Acme", "--csv-url", "https://me:hunter2@example.com/x.csv"),
        ("company", "set-status", "Acme", "paused"),
        ("company", "set-status", "Nobody", "ACTIVE"),
    )
    assert "--http-conn-id" in password
    assert "hunter2" not in password
    assert "ACTIVE, SUSPENDED, TRIAL, ARCHIVED" in status
    assert "livedash company list" in nobody


def test_each_clear_option_clears_its_setting_and_add_never_changes_a_company(livedash: CommandLine) -> None:
    given = {
        "http-conn-id": "acme",
        "allow-network": "10.0.0.0/8",
        "allow-origin": "https://files.example.com",
        "role": "Lisa=Assistant",
        "date-order": "day-first",
        "model": "small",
        "retention-days": "30",
        "monthly-budget": "12.50",
    }
    options = [part for option, value in given.items() for part in (f"--{option}", value)]
    livedash("company", "add", "Acme", "--csv-url", CSV, *options)

    exists, unknown, conflict, nothing, empty = livedash.refuses(
        ("company", "add", "Acme", "--timezone", "Europe/Berlin"),
        ("company", "update", "Acmee", "--timezone", "Europe/Berlin"),
        ("company", "update", "Acme", "--monthly-budget", "5", "--clear-monthly-budget"),
        ("company", "update", "Acme"),
        ("company", "update", "Acme", "--model", ""),
    )
    assert "livedash company update Acme" in exists
    assert "Acmee" in unknown
    assert "--monthly-budget and --clear-monthly-budget exclude each other" in conflict
    assert "nothing to change" in nothing
    assert "must not be empty" in empty
    (company,) = livedash.json("company", "list")
    assert (company["timezone"], company["monthly_budget_usd"], company["model"]) == ("UTC", "12.50", "small")

    assert company["speaker_roles"] == {"Lisa": "Assistant"}

    assert company["date_order"] == "day first"
    cleared = ("http-conn-id", "allowed-networks", "allowed-origins", "model", "retention-days", "monthly-budget")
    livedash(
        "company",
        "update",
        "Acme",
        "--clear-roles",
        "--clear-date-order",
        *(f"--clear-{setting}" for setting in cleared),
    )
    (company,) = livedash.json("company", "list")
    assert [company[name] for name in ("http_conn_id", "model", "date_order", "monthly_budget_usd")] == [None] * 4
    assert (company["allowed_networks"], company["allowed_origins"], company["speaker_roles"]) == ([], [], {})
    assert company["csv_url"] == CSV
