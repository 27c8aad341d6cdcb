"""When a session began and ended."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from livedash_core.errors import PermanentError
from livedash_core.parsing.session_times import PlainTimes, Times, interpret, peculiarities

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def test_times_are_read_in_the_companys_zone():
    times = interpret("02.03.2026 09:00:00", "02.03.2026 09:05:00", AMSTERDAM)

    assert times.started_at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert times.ended_at == datetime(2026, 3, 2, 8, 5, tzinfo=UTC)


def test_a_session_across_the_end_of_summer_time_ends_after_it_began():
    times = interpret("25.10.2026 02:50:00", "25.10.2026 02:10:00", AMSTERDAM)

    assert (times.ended_at - times.started_at).total_seconds() == 20 * 60


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        (None, "02.03.2026 09:05:00", "start_time is empty"),
        ("02.03.2026 09:00:00", None, "end_time is empty"),
        ("31.02.2026 09:00:00", "02.03.2026 09:05:00", "start_time: '31.02.2026 09:00:00' is not a date"),
        ("02.03.2026 09:00:00", "02.03.2026 08:00:00", "is before start_time"),
        ("02.03.2026", "02.03.2026 08:00:00", "is not a date written DD.MM.YYYY"),
        ("02.03.2026 09:00:00", "03/02/2026 09:05", "end_time: '03/02/2026 09:05' may be two days"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(start, end, says):
    with pytest.raises(PermanentError, match=says):
        interpret(start, end, AMSTERDAM)


def test_the_order_of_day_and_month_is_that_of_the_rows_note():
    times = interpret("03/02/2026 09:00", "03/02/2026 09:05", AMSTERDAM, {"date_order": "month first"})

    assert times.started_at == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_a_time_with_an_offset_is_not_ambiguous():
    cells = "2026-10-25T02:50:00+02:00", "2026-10-25T02:10:00+01:00"
    times = interpret(*cells, AMSTERDAM)

    assert (times.ended_at - times.started_at).total_seconds() == 20 * 60
    assert peculiarities(times, AMSTERDAM, datetime(2026, 11, 1, tzinfo=UTC), cells) == {}


# --- the quick way


NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
#: Around the nights in which clocks are moved, by an hour or by half an hour, and around what NOW is a day before.
NIGHTS = [
    datetime(2026, 3, 29), datetime(2026, 10, 25), datetime(2026, 4, 5), datetime(2026, 10, 4), datetime(2026, 11, 2),
    datetime(1937, 7, 1), datetime(1, 1, 1), datetime(9999, 12, 31),
]  # fmt: skip
WRITTEN = st.builds(
    "{:02}.{:02}.{:04} {:02}:{:02}:{:02}".format,
    *(st.sampled_from(values) for values in ([1, 2, 4, 5, 25, 29, 31, 32], [3, 4, 10, 11, 13], [1, 1900, 2026, 9999])),
    *(st.sampled_from(values) for values in ([0, 1, 2, 3, 12, 24], [0, 29, 30, 59, 60], [0, 1, 59, 60])),
)
NEAR_A_NIGHT = st.builds(
    lambda night, hour, minute, second: night.replace(hour=hour, minute=minute, second=second),
    st.sampled_from(NIGHTS),
    st.integers(0, 4) | st.integers(0, 23),
    st.integers(0, 59),
    st.integers(0, 59),
).map(lambda moment: f"{moment.day:02}.{moment.month:02}.{moment.year:04} {moment:%H:%M:%S}")
CELLS = NEAR_A_NIGHT | WRITTEN | st.sampled_from([None, "", "x", "\u0660\u0661.03.2026 12:00:00", "1.3.2026 12:00:00"])
ZONES = ["UTC", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Monrovia"]


@given(start=CELLS, end=CELLS, zone=st.sampled_from(ZONES).map(ZoneInfo))
@example(start="25.10.2026 02:59:59", end="25.10.2026 03:00:00", zone=AMSTERDAM)
@example(start="25.10.2026 01:59:59", end="25.10.2026 03:00:00", zone=AMSTERDAM)
@example(start="02.11.2026 13:00:00", end="02.11.2026 13:00:01", zone=AMSTERDAM)
@settings(max_examples=1000, deadline=None)
def test_the_fast_path_returns_the_same_times_or_none(start: str | None, end: str | None, zone: ZoneInfo):
    found = PlainTimes(zone, NOW).of(start, end)

    if found:
        times = interpret(start, end, zone)
        assert Times(*map(datetime.fromisoformat, found)) == times
        assert peculiarities(times, zone, NOW) == {}


@given(
    instant=st.datetimes(min_value=datetime(2000, 1, 3), max_value=datetime(2026, 10, 1)),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
@settings(max_examples=200, deadline=None)
def test_the_fast_path_reads_all_ordinary_hours(instant: datetime, zone: ZoneInfo):
    cell = f"{instant.replace(day=2, hour=12):%d.%m.%Y %H:%M:%S}"

    assert PlainTimes(zone, NOW).of(cell, cell)


def test_the_fast_paths_cache_is_bounded():
    plain = PlainTimes(AMSTERDAM, NOW)
    for number in range(11_000):
        plain.of(f"x{number:012}:00:00", None)

    assert plain._hour.cache_info().currsize == 10_000


@pytest.mark.parametrize("start", ["1899-12-30 08:10:00", "01.01.1970 00:00:00", "16.04.0026 08:10:00"])
def test_a_time_before_the_year_2000_is_none(start: str) -> None:
    with pytest.raises(PermanentError, match="is before the year 2000"):
        interpret(start, "16.04.2026 08:31:00", ZoneInfo("UTC"))
    assert PlainTimes(ZoneInfo("UTC"), datetime.now(UTC)).of(start, start) is None
