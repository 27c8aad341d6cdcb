from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.parsing.dates import is_ambiguous, to_utc

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15.01.2026 10:00:00", datetime(2026, 1, 15, 9, 0, 0, tzinfo=UTC)),
        ("03.04.2026 10:00:00", datetime(2026, 4, 3, 8, 0, 0, tzinfo=UTC)),  # the third of April, in summer time
        ("  29.02.2024 00:00:01\t\r\n", datetime(2024, 2, 28, 23, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_local_time_becomes_utc(text: str, expected: datetime) -> None:
    instant = to_utc(text, AMSTERDAM)
    assert instant == expected
    assert instant.tzinfo is UTC


def test_the_first_of_two_ambiguous_times_is_taken() -> None:
    assert to_utc("26.10.2025 02:30:00", AMSTERDAM) == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "fold", "ambiguous"),
    [
        ("26.10.2025 02:30:00", 0, True),
        ("26.10.2025 02:30:00", 1, True),
        ("26.10.2025 01:59:59", 0, False),
        ("26.10.2025 03:00:00", 0, False),
        ("30.03.2025 03:00:00", 0, False),
    ],
)
def test_an_ambiguous_time_is_detected(text: str, fold: Literal[0, 1], ambiguous: bool) -> None:
    assert is_ambiguous(to_utc(text, AMSTERDAM, fold=fold), AMSTERDAM) is ambiguous


def test_a_time_that_clocks_skip_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'30\.03\.2025 02:30:00' is not a time in Europe/Amsterdam: the clocks"):
        to_utc("30.03.2025 02:30:00", AMSTERDAM)


@pytest.mark.parametrize(
    "text",
    [
        "31.02.2026 10:00:00",
        "29.02.2025 10:00:00",
        "01.13.2026 10:00:00",
        "01.01.2026 24:00:00",
        "01.01.2026 23:59:60",
        "00.00.0000 00:00:00",
        "01.01.0001 00:00:00",  # in UTC that is the year 0
    ],
)
def test_a_day_or_time_that_does_not_exist_is_named_in_the_message(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is not a date: "):
        to_utc(text, AMSTERDAM)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "١٥.٠١.٢٠٢٦ ١٠:٠٠:٠٠",
        "+5.01.2026 10:00:00",
    ],
)
def test_any_other_format_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a date written DD\.MM\.YYYY HH:MM:SS"):
        to_utc(text, AMSTERDAM)


def test_a_message_quotes_little_of_a_long_text() -> None:
    with pytest.raises(ValueError, match="is not a date") as raised:
        to_utc("x" * 1_000_000, AMSTERDAM)
    assert len(str(raised.value)) < 100


@given(
    instant=st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)).map(
        lambda naive: naive.replace(microsecond=0, tzinfo=UTC)
    ),
    zone=st.sampled_from(["Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
)
@settings(max_examples=100, deadline=None)
def test_a_local_time_is_read_back_unless_it_is_the_second_of_two(instant: datetime, zone: str) -> None:
    local = instant.astimezone(ZoneInfo(zone))
    read = to_utc(local.strftime("%d.%m.%Y %H:%M:%S"), ZoneInfo(zone))
    assert read == instant if local.fold == 0 else read < instant


def test_the_second_of_two_ambiguous_times_can_be_requested() -> None:
    zone = ZoneInfo("Europe/Amsterdam")

    assert to_utc("25.10.2026 02:10:00", zone) == datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
    assert to_utc("25.10.2026 02:10:00", zone, fold=1) == datetime(2026, 10, 25, 1, 10, tzinfo=UTC)


#: Zones whose clocks change at midnight, by half an hour, by a whole day, backward into the day before, or by seconds.
_ODD_ZONES = (
    *("Europe/Amsterdam", "America/Havana", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia"),
    *("Africa/Casablanca", "Asia/Beirut", "America/Godthab", "Africa/Monrovia", "Asia/Kathmandu"),
)


@pytest.mark.parametrize("key", _ODD_ZONES)
def test_a_time_is_the_same_as_with_the_offset_of_its_very_moment(key: str) -> None:
    zone = ZoneInfo(key)
    first = datetime(1937, 6, 1) if key == "Europe/Amsterdam" else datetime(1972, 1, 1)
    days = [first + timedelta(days=day) for day in range(50 * 365)]
    # Around each change, and a few days without one.
    changes = [day for day in days if len({_offset(day + timedelta(days=each), zone) for each in (-1, 0, 1, 2)}) > 1]
    assert changes or key == "Asia/Kathmandu"
    for day in (*changes[:40], *changes[-40:], *days[::2000]):
        for local in (day + timedelta(minutes=17 * number) for number in range(86)):
            for fold in (0, 1):
                expected = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
                written = local.strftime("%d.%m.%Y %H:%M:%S")
                if expected.astimezone(zone).replace(tzinfo=None) == local:
                    assert to_utc(written, zone, fold=fold) == expected
                else:
                    with pytest.raises(ValueError, match="clocks were put forward"):
                        to_utc(written, zone, fold=fold)


def _offset(local: datetime, zone: ZoneInfo) -> timedelta | None:
    return local.replace(tzinfo=zone).utcoffset()
