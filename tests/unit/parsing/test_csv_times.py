"""Headers that say more than a name: where day and clock stand, the zone of times, the unit of numbers."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import io
from zoneinfo import ZoneInfo

import pytest

from livedash_core.parsing.csv_columns import COLUMNS, header_of
from livedash_core.parsing.csv_reading import date_order_of, reading_of
from livedash_core.parsing.csv_rows import CsvReader, Row
from livedash_core.parsing.number_style import NumberStyle
from livedash_core.parsing.session_times import interpret
from tests.unit.parsing.test_csv_products import file, record, rows_of

BERLIN = ZoneInfo("Europe/Berlin")
REST = list(COLUMNS[3:])


def read(header: list[str], *times: str) -> tuple[list[str], list[str]]:
    """The start and end that are read, in UTC, and the file's notes."""
    reader = CsvReader(io.BytesIO(file([[f"chat-{n}", *times, *record(n)[3:]] for n in range(3)], header)))
    dates = date_order_of(reader)
    (row, *_) = [each for each in reader if isinstance(each, Row)]
    found = interpret(row.values[1], row.values[2], BERLIN, {"date_order": dates.order})
    assert row.values[3:6] == ("198.51.100.7", "DK", "da")
    notes = reading_of(reader.encoding, reader.layout, NumberStyle(), dates)["notes"]
    return [time.strftime("%d %H:%M:%S") for time in found], notes


APART = {
    "both": (["start_date", "start_time", "end_date", "end_time"], ["16.04.2026", "10:10:00", "17.04.2026", "10:31:00"]),
    "days behind": (["start_time", "end_time", "start_date", "end_date"], ["10:10:00", "10:31:00", "2026-04-16", "2026-04-17"]),
    "German": (["Startdatum", "Startzeit", "Enddatum", "Endzeit"], ["16.04.2026", "10:10", "17.04.2026", "10:31"]),
    "Dutch": (["Begindatum", "Begintijd", "Einddatum", "Eindtijd"], ["16-4-2026", "10:10", "17-4-2026", "10:31"]),
    "midnight": (["start_date", "start_time", "end_date", "end_time"], ["2026-04-16 00:00:00", "10:10:00", "2026-04-17 00:00:00", "10:31:00"]),
    "12 hours": (["start_date", "start_time", "end_date", "end_time"], ["4/16/2026", "10:10 AM", "4/17/2026", "10:31 AM"]),
    "first day": (["start_date", "start_time", "end_date", "end_time"], ["2026-04-16", "1899-12-30 10:10:00", "2026-04-17", "1899-12-30 10:31:00"]),
}  # fmt: skip


@pytest.mark.parametrize(("names", "times"), APART.values(), ids=APART.keys())
def test_day_and_clock_in_columns_of_their_own(names: list[str], times: list[str]) -> None:
    (start, end), notes = read(["session_id", *names, *REST], *times)
    assert (start[:8], end[:8]) == ("16 08:10", "17 08:31")
    assert sum("one has the day and another the clock" in note for note in notes) == 2


@pytest.mark.parametrize(
    ("names", "times"),
    [
        (["date", "start_time", "end_time"], ["16.04.2026", "10:10:00", "10:31:00"]),
        (["Datum", "Beginn", "Ende"], ["16.04.2026", "10:10", "10:31"]),
        (["date", "time", "end"], ["2026-04-16", "10:10:00", "10:31:00"]),
        (["start_time", "end_time", "date"], ["10:10:00", "10:31:00", "2026-04-16"]),
        (["date", "time", "end"], ["2026-04-16", "10:10:00", "2026-04-16 10:31:00"]),
    ],
)
def test_one_day_for_start_and_end(names: list[str], times: list[str]) -> None:
    (start, end), _ = read(["session_id", *names, *REST], *times)
    assert (start[:8], end[:8]) == ("16 08:10", "16 08:31")


def test_a_date_beside_whole_times_changes_nothing() -> None:
    (start, _), _ = read(["session_id", "date", "start_time", "end_time", *REST], "01.01.2026", *record(1)[1:3])
    assert start == "16 06:10:00"


@pytest.mark.parametrize(
    "names",
    [("Start time (UTC)", "End time (UTC)"), ("start_time_utc", "end_time_utc"), ("startTimeUTC", "endTimeUTC")],
)
@pytest.mark.parametrize("order", [1, -1])
def test_a_header_says_that_times_are_in_utc(names: tuple[str, str], order: int) -> None:
    header = ["session_id", *names, *REST]
    rows, rejected = rows_of(file([record(n)[::order] for n in range(3)], header[::order]))
    assert rejected == []
    assert interpret(rows[0].values[1], rows[0].values[2], BERLIN)[0].strftime("%H:%M") == "08:10"


@pytest.mark.parametrize(
    "time", ["2026-04-16T10:10:00+02:00", "1776327000", "Thu Apr 16 08:10:00 2026", "16/04/2026 08:10"]
)
def test_utc_in_the_header_is_not_said_twice(time: str) -> None:
    (start, _), notes = read(["session_id", "start (UTC)", "end (UTC)", *REST], time, time)
    assert start == "16 08:10:00"
    assert "start_time is read in UTC, as its name start (UTC) says" in notes


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("avg_response_time_seconds", "Response time (ms)"),
        ("avg_response_time_seconds", "avg_response_time_ms"),
        ("avg_response_time_seconds", "avgResponseTimeMs"),
        ("avg_response_time_seconds", "Antwortzeit [min]"),
        ("tokens_eur", "Cost (USD)"),
        ("tokens_eur", "cost_usd"),
        ("tokens_eur", "Kosten (ct)"),
        ("tokens_eur", "Cost ($)"),
        ("tokens_eur", "Kosten CHF"),
        ("tokens", "Tokens (k)"),
        ("tokens", "Tokens (1000)"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_another_unit_is_left_out_and_named(column: str, name: str, order: int) -> None:
    header = [name if known == column else known for known in COLUMNS]
    reader = CsvReader(io.BytesIO(file([record(n)[::order] for n in range(3)], header[::order])))
    rows = [each for each in reader if isinstance(each, Row)]
    assert [row.values[COLUMNS.index(column)] for row in rows] == [None] * 3
    assert [row.values[-1] for row in rows] == ["Hej"] * 3
    notes = reading_of(reader.encoding, reader.layout, NumberStyle(), date_order_of(reader))["notes"]
    assert any(name in note for note in notes)


@pytest.mark.parametrize(
    "name", ["Response time (s)", "Antwortzeit (Sek.)", "avg_response_time_seconds", "Reactietijd"]
)
def test_seconds_stay(name: str) -> None:
    assert header_of([name]).slots == (COLUMNS.index("avg_response_time_seconds"),)


@pytest.mark.parametrize("header", [[], ["session_id", "date", "time", "duration", *REST]])
def test_what_a_header_does_not_tell_is_refused_with_advice(header: list[str]) -> None:
    times = ["2026-04-16", "10:10:00", "2026-04-16", "10:31:00"] if not header else ["2026-04-16", "10:10:00", "21"]
    rows, rejected = rows_of(file([[f"chat-{n}", *times, *record(n)[3:]] for n in range(3)], header or None))
    assert rows == []
    assert "Name them in a header: session_id, start_date, start_time" in rejected[0].reason
