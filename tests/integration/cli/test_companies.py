from __future__ import annotations

from tests.integration.cli.conftest import CommandLine

CSV = "https://chats.example.com/a/path/that/is/longer/than/most/terminals/are/wide/and/must/be/shown/whole.csv"


def test_a_company_is_added_changed_listed_and_suspended(livedash: CommandLine) -> None:
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
    )
    changed, _ = livedash("company", "add", "Grüne Wiese", *options, "--allow-origin", "https://files.example.com/x")
    assert (added, changed) == ("Grüne Wiese: added.\n", "Grüne Wiese: changed.\n")
    assert livedash("company", "set-status", "Grüne Wiese", "suspended")[0] == "Grüne Wiese is SUSPENDED.\n"

    assert livedash.json("company", "list") == [
        {
            "name": "Grüne Wiese",
            "status": "SUSPENDED",
            "csv_url": CSV,
            "http_conn_id": "acme",
            "timezone": "Europe/Amsterdam",
            "allowed_origins": ["https://files.example.com"],
            "allowed_networks": ["127.0.0.0/8", "::1/128"],  # localhost is both
            "analyzer": "openai",
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


def test_what_cannot_be_is_wrong_usage_and_a_password_in_an_address_is_not_repeated(livedash: CommandLine) -> None:
    password, status, nobody = livedash.refuses(
        ("company", "add", "Acme", "--csv-url", "https://me:hunter2@example.com/x.csv"),
        ("company", "set-status", "Acme", "paused"),
        ("company", "set-status", "Nobody", "ACTIVE"),
    )
    assert "--http-conn-id" in password
    assert "hunter2" not in password
    assert "ACTIVE, SUSPENDED, TRIAL, ARCHIVED" in status
    assert "livedash company list" in nobody
