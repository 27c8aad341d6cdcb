"""What a CSV may hold that the csv module, Python or PostgreSQL stumble over: a case per finding, imported for real."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import CSV, Answer, Site

IMPORT = "CSV_IMPORT"
START, END = "02.03.2026 12:00:00", "02.03.2026 12:05:00"


@pytest.fixture(autouse=True)
def _company(acme): ...


def row(external_id: str, initial_message: str = "hi", *, start: str = START, end: str = END, tokens: str = "7") -> str:
    cells = (external_id, start, end, "", "NL", "en", "1", "", "", "", "", "1.5", tokens, "0.1", "", initial_message)
    return ",".join(cells)


A, B = row("A"), row("B")
WITH_NUL = "h\0i"
TAKEN: dict[str, Any] = {"A": "hi", "B": "hi"}


@pytest.mark.parametrize(
    ("content", "taken", "rejected"),
    [
        pytest.param(f"{A}\n{row('C', 'x' * 200_000)}\n{B}", {**TAKEN, "C": "x" * 200_000}, [], id="a field of 200 kB"),
        pytest.param(
            f"{A}\n{row('C', 'x' * 1_100_000)}\n{B}",
            TAKEN,
            [(2, "cannot be read as CSV: field larger than field limit")],
            id="a field of 1 MB",
        ),
        pytest.param(f"{A}\n{row('B', WITH_NUL)}\n", TAKEN, [], id="NUL"),
        pytest.param(
            f'{A}\nC,"open\n{B}', TAKEN, [(2, "cannot be read as CSV: unexpected end of data")], id="an unclosed quote"
        ),
        pytest.param(
            f'{A}\n"C"x,b\n{B}',
            TAKEN,
            [(2, "cannot be read as CSV: ',' expected after '\"'")],
            id="text behind a quote",
        ),
        pytest.param(f"\ufeff{A}\n{B}", TAKEN, [], id="a byte order mark"),
        pytest.param(f"{row('A', 'Zürich €')}\n{B}".encode("utf-16"), {"A": "Zürich €", "B": "hi"}, [], id="UTF-16"),
        pytest.param(f"{row('A', 'Zürich €')}\n{B}".encode("cp1252"), {"A": "Zürich €", "B": "hi"}, [], id="cp1252"),
        pytest.param(f"{A}\r{B}\r", TAKEN, [], id="CR only"),
        pytest.param(f"{A}\r\n{B}\n{row('C')}\r", {**TAKEN, "C": "hi"}, [], id="mixed line ends"),
        pytest.param(
            f"{A}\nshort,row\n{B}\n{row('D')},x,y\n",
            TAKEN,
            [(2, "2 instead of 16 columns"), (4, "18 instead of 16 columns")],
            id="short and long rows",
        ),
        pytest.param(f"{row('A', 'first')}\n{B}\n{A}", TAKEN, [], id="a session twice"),
        pytest.param(
            row("A").encode() + b"\n" + row("B", "Zürich").encode() + b"\n" + row("C").encode() + b"\xed\xa0\x80",
            {"A": "hi", "B": "Zürich"},
            [(3, "has bytes that are not UTF-8, unlike the rest of the file")],
            id="a lone surrogate",
        ),
        pytest.param(
            f"{row('A', '=HYPERLINK(1)')}\n{row('B', '+1')}", {"A": "=HYPERLINK(1)", "B": "+1"}, [], id="formulas"
        ),
        pytest.param(f"{A}\n{B}\n{row('x' * 501)}", TAKEN, [(3, "has an external_session_id of more")], id="a long id"),
    ],
)
def test_each_line_is_taken_or_rejected_with_number_text_and_reason(
    site: Site, pipeline: Pipeline, content: str | bytes, taken: dict[str, str], rejected: list[tuple[int, str]]
):
    site.answers[CSV] = Answer(content)

    report = pipeline.run(IMPORT)

    assert (report.incidents, report.failed) == ([], 0)
    stored = pipeline.query("SELECT external_session_id, initial_message FROM livedash.session_import")
    assert dict(map(tuple, stored)) == taken
    found = pipeline.query("SELECT line_number, reason, raw_text FROM livedash.import_rejection ORDER BY 1")
    assert [line for line, _, _ in found] == [line for line, _ in rejected]
    assert all(reason.startswith(expected) for (_, reason, _), (_, expected) in zip(found, rejected, strict=True))
    assert all(raw_text for _, _, raw_text in found)


@pytest.mark.parametrize(
    "times",
    [
        {"start": "03/04/2025 10:00:00"},
        {"start": "31.02.2026 10:00:00"},
        {"start": "29.03.2026 02:30:00", "end": "29.03.2026 03:30:00"},
        {"start": "\u0660\u0662.03.2026 12:00:00"},
        {"start": END, "end": START},
        {"start": ""},
    ],
    ids=["m/d/Y", "an impossible date", "the clocks jumped over it", "Arabic digits", "backwards", "none"],
)
def test_times_that_mean_nothing_fail_their_session_alone_and_say_why(site: Site, pipeline: Pipeline, records, times):
    with records.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE livedash.company SET timezone = 'Europe/Amsterdam'")
    site.answers[CSV] = Answer(f"{A}\n{row('C', **times)}\n")

    report = pipeline.run(IMPORT)

    assert (report.completed, report.failed) == (1, 1)
    failed = records.row(pipeline.session("C"), IMPORT)
    assert (failed.status, failed.error_kind) == ("FAILED", "permanent")
    assert "start_time" in failed.error_message


@pytest.mark.parametrize("number", ["\u0661\u0662", "1_000", "nan", "inf", "1e3", "0x10"])
def test_numbers_that_only_python_reads_are_none_and_noted(site: Site, pipeline: Pipeline, records, number: str):
    site.publish([site.row("A", tokens=number)])
    pipeline.run_all()
    session = pipeline.session("A")
    assert pipeline.query("SELECT tokens FROM livedash.session") == [(None,)]
    assert pipeline.query("SELECT tokens FROM livedash.session_import") == [(number,)]
    assert records.row(session, "SESSION_CREATION").metadata["unread_cells"] == ["tokens"]
