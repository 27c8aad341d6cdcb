"""What is not taken is shown where people look; `livedash preview` shows it before an import."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert

from livedash_core.models import ImportRejection
from tests.integration.cli.conftest import CommandLine, Publish
from tests.integration.records import Records
from tests.unit.parsing.test_csv_rows import line


@pytest.fixture
def rejected(engine: Engine, records: Records) -> None:
    acme = records.company("Acme")
    records.company("Other")
    with engine.begin() as connection:
        connection.execute(
            insert(ImportRejection),
            [
                {
                    "company_id": acme,
                    "line_number": number,
                    "raw_text": text,
                    "digest": hashlib.md5(text.encode()).hexdigest(),
                    "reason": "2 instead of 16 columns",
                }
                for number, text in ((9, "S9,https://user:secret@x.example/"), (4, "S4,\x1b[31m<b>"))
            ],
        )


@pytest.mark.usefixtures("rejected")
def test_rejected_lines_are_shown_by_status_failures_doctor_and_a_list_of_their_own(livedash: CommandLine) -> None:
    sentence = "Acme: 2 lines of its CSV rejected, since"
    for command in ("status", "failures"):
        _, err = livedash(command)
        assert sentence in err
        assert "line 4: 2 instead of 16 columns" in err
        assert "livedash rejections --company Acme" in err
    out, _ = livedash("doctor", code=1)
    assert f"rejection: {sentence}" in out
    out, _ = livedash("rejections")
    assert "2 rejected" in out
    assert "\x1b[31m" not in out
    assert "secret" not in out
    assert [(each["line_number"], each["company"]) for each in livedash.json("rejections")] == [
        (4, "Acme"),
        (9, "Acme"),
    ]
    assert livedash.json("rejections", "--company", "Other") == []


def test_a_preview_says_how_a_file_is_read_and_stores_nothing(
    livedash: CommandLine, tmp_path: Path, engine: Engine
) -> None:
    path = tmp_path / "x.csv"
    rows = [line(f"S{number}", separator=";") for number in (1, 2)]
    path.write_text("\n".join(["sep=;", *rows, "short;row", rows[0].replace("02.03.2026", "32.03.2026")]) + "\n")
    found = livedash.json("preview", str(path))
    assert (found["delimiter"], found["encoding"], found["header"], found["rows"]) == (";", "utf-8", None, 3)
    assert [(each["line"], each["reason"]) for each in found["rejections"]] == [(4, "2 instead of 16 columns")]
    assert [each["line"] for each in found["problems"] if "is not a date" in each["problem"]] == [5]
    assert found["samples"][0]["external_session_id"] == "S1"
    out, _ = livedash("preview", str(path))
    assert "semicolon" in out
    assert "2 instead of 16 columns" in out
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM livedash.session_import").scalar() == 0


def test_a_preview_of_a_company_fetches_its_csv_and_three_transcripts(livedash: CommandLine, acme: Publish) -> None:
    server = acme(5)
    found = livedash.json("preview", f"{server.url}/export/chats.csv", "--company", "Acme")
    assert (found["rows"], found["rejected"], found["refused"]) == (5, 0, None)
    assert [each["session"] for each in found["transcripts"]] == ["chat-0000", "chat-0001", "chat-0002"]
    assert all(each["messages"] >= 2 and each["roles"]["User"] for each in found["transcripts"])


def test_a_preview_of_a_company_reads_by_its_settings(livedash: CommandLine, acme: Publish, tmp_path: Path) -> None:
    server = acme(1)
    [sample] = livedash.json("preview", f"{server.url}/export/chats.csv", "--company", "Acme")["samples"]
    server.chats[0].messages = [("Ann", "may I?"), ("Lisa", "yes"), ("Tom", "when?"), ("Lisa", "in May")]
    sample |= {"initial_message": "may I?", "start_time": "03/04/2026 10:00", "end_time": "03/04/2026 10:05"}
    path = tmp_path / "x.csv"
    path.write_text(",".join(value or "" for value in sample.values()) + "\n")
    found = livedash.json("preview", str(path), "--company", "Acme")
    assert (found["date_order"], found["times"]["unreadable"]) == (None, 1)

    livedash("company", "update", "Acme", "--date-order", "day-first", "--timezone", "Europe/Amsterdam")
    found = livedash.json("preview", str(path), "--company", "Acme")
    assert found["times"]["first"] == "2026-04-03T08:00:00+00:00"
    assert any("as the company's settings say" in note for note in found["notes"])
    assert "whose roles are unknown" in found["transcripts"][0]["problem"]

    livedash("company", "update", "Acme", "--role", "Ann=User", "--role", "Tom=User", "--role", "Lisa=Assistant")
    [transcript] = livedash.json("preview", str(path), "--company", "Acme")["transcripts"]
    assert transcript["roles"] == {"User": 2, "Assistant": 2}


def test_a_preview_of_a_refused_file_says_why(livedash: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("<html><body>Sign in</body></html>\n")
    out, err = livedash("preview", str(tmp_path / "x.csv"), code=1)
    assert "HTML" in err
    assert "1 instead of 16 columns" in out
    [message] = livedash.refuses(("preview", "nothing.csv"))
    assert "neither a file nor an address" in message
