"""Times in a CSV that are not written as the contract has them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.parsing.date_order import DateOrder, needs_order, order_of_dates
from livedash_core.parsing.dates import names_an_instant, to_utc
from livedash_core.parsing.stamps import Order
from livedash_core.parsing.written_times import read_time

OSLO = ZoneInfo("Europe/Oslo")


def at(day: int, hour: int, minute: int, second: int = 0, *, micro: int = 0, month: int = 2) -> datetime:
    """A time in February 2026, on a clock in Oslo, which is an hour ahead of UTC."""
    return datetime(2026, month, day, hour - 1, minute, second, micro, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # spreadsheets
        ("17.02.2026 14:30", at(17, 14, 30)),
        ("7.2.2026 9:05:07", at(7, 9, 5, 7)),
        ("17.02.26 14:30", at(17, 14, 30)),
        ("17.02.2026 14.30.05", at(17, 14, 30, 5)),
        ("17/02/2026 14h30", at(17, 14, 30)),
        ("2/17/2026 2:30:05 PM", at(17, 14, 30, 5)),
        ("2/17/2026, 2:30:05\u202fPM", at(17, 14, 30, 5)),
        ("17/2/2026 2:30:05 p. m.", at(17, 14, 30, 5)),
        ("17-2-2026 14:30", at(17, 14, 30)),
        ("17. 2. 2026 14:30", at(17, 14, 30)),
        ("17.02.2026. 14:30:05", at(17, 14, 30, 5)),
        ("17.02.2026\u00a014:30:05", at(17, 14, 30, 5)),
        ("'17.02.2026 14:30:05", at(17, 14, 30, 5)),
        ("17.02.2026, 14:30:05 Uhr", at(17, 14, 30, 5)),
        ("2026. 2. 17. 14:30", at(17, 14, 30)),
        ("2026年2月17日 14:30", at(17, 14, 30)),
        # databases and programs
        ("2026-02-17 14:30:05", at(17, 14, 30, 5)),
        ("2026-02-17 14:30:05.1234567", at(17, 14, 30, 5, micro=123456)),
        ("2026/02/17 14:30:05", at(17, 14, 30, 5)),
        ("20260217143005", at(17, 14, 30, 5)),
        ("20260217T143005Z", at(17, 15, 30, 5)),
        ("2026-02-17T14:30:05.123Z", at(17, 15, 30, 5, micro=123000)),
        ("2026-02-17T14:30:05+01:00", at(17, 14, 30, 5)),
        ("2026-02-17 14:30:05.5+01", at(17, 14, 30, 5, micro=500000)),
        ("2026-02-17T14:30:05-0500", at(17, 20, 30, 5)),
        ("2026-02-17 14:30:05 UTC", at(17, 15, 30, 5)),
        ("2026-02-17T14:30+01:00[Europe/Oslo]", at(17, 14, 30)),
        ("17-FEB-26 02.30.05.000000 PM", at(17, 14, 30, 5)),
        ("17-Feb-2026 14:30:05", at(17, 14, 30, 5)),
        ("Feb 17 2026  2:30PM", at(17, 14, 30)),
        ("Tue Feb 17 14:30:05 2026", at(17, 14, 30, 5)),
        ("Tue Feb  3 14:30:05 2026", at(3, 14, 30, 5)),
        ("Tue, 17 Feb 2026 14:30:05 +0100", at(17, 14, 30, 5)),
        ("Tue Feb 17 2026 14:30:05 GMT+0100 (Central European Standard Time)", at(17, 14, 30, 5)),
        ("17 février 2026 à 14:30", at(17, 14, 30)),
        ("17. Februar 2026 14:30", at(17, 14, 30)),
        ("17 lutego 2026 14:30", at(17, 14, 30)),
        ("17 Şubat 2026 14:30", at(17, 14, 30)),
        ("17 febbraio 2026 14:30", at(17, 14, 30)),
        ("1771338605", at(17, 15, 30, 5)),
        ("1771338605123", at(17, 15, 30, 5, micro=123000)),
        ("1771338605123456", at(17, 15, 30, 5, micro=123456)),
        ("1771338605.5", at(17, 15, 30, 5, micro=500000)),
    ],
)
def test_a_time_with_one_meaning_is_read(text: str, expected: datetime) -> None:
    assert to_utc(text, OSLO) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "17.02.2026", "14:30", "46070.6042", "46070", "02.2026", "17.02.2026 14",
        "2026-02-17T14:30:05 Europe/Oslo", "Tue Feb 17 14:30:05 CET 2026", "25.03.01 09:05", "1.77134E+12",
        "9771338605", "0771338605", "17.02.2026 14:30 14:45", "١٧.٠٢.٢٠٢٦ ١٤:٣٠", "x" * 1000,
    ],
)  # fmt: skip
def test_other_text_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a date written DD\.MM\.YYYY HH:MM:SS"):
        to_utc(text, OSLO)


@pytest.mark.parametrize(
    "text",
    ["31.2.2026 10:00", "17.02-2026 14:30", "2026-02-30T10:00:00Z", "2/30/2026 9:00 AM", "17.02.2026 25:00"],
)
def test_a_day_that_does_not_exist_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date: no calendar"):
        to_utc(text, OSLO)


def test_a_time_in_the_skipped_hour_is_refused_unless_it_has_an_offset() -> None:
    with pytest.raises(ValueError, match="the clocks were put forward"):
        to_utc("2026-03-29 02:30", OSLO)
    assert to_utc("2026-03-29T02:30+01:00", OSLO) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert names_an_instant("2026-03-29T02:30+01:00")
    assert not names_an_instant("2026-03-29 02:30")


# --- which number is the day


@pytest.mark.parametrize("text", ["03/04/2026 10:00", "3-4-2026 10:00", "4/3/2026 10:00:00 AM", "17/02/26 10:00"])
def test_a_date_with_two_meanings_is_refused_without_its_file(text: str) -> None:
    assert needs_order(text)
    with pytest.raises(ValueError, match=r"may be two days.*export times as DD\.MM\.YYYY"):
        to_utc(text, OSLO)


def test_a_date_with_two_meanings_is_read_by_its_files_order() -> None:
    assert to_utc("03/04/2026 10:00", OSLO, order="day first") == datetime(2026, 4, 3, 8, tzinfo=UTC)
    assert to_utc("03/04/2026 10:00", OSLO, order="month first") == datetime(2026, 3, 4, 9, tzinfo=UTC)
    assert not needs_order("05/05/2026 10:00")
    assert to_utc("05/05/2026 10:00", OSLO) == datetime(2026, 5, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cells", "known", "order"),
    [
        (["03/04/2026 10:00", "13/04/2026 10:00"], None, "day first"),
        (["3/4/2026 10:00 AM", "3/14/2026 1:00 PM"], None, "month first"),
        (["3-4-2026 10:00", "14-3-2026 1:00"], None, "day first"),
        (["1/03/2026 10:00", "11/03/2026 10:00", "21/03/2026 10:00"], None, "day first"),  # Australia
        (["03/04/2026 10:00"], None, None),
        (["03/04/2026 10:00"], "month first", "month first"),
        (["03/04/2026 10:00", "13/04/2026 10:00"], "month first", "day first"),
        # A spreadsheet took days for months where it could, and wrote those in its own way.
        (["13/04/2026 10:00:00", "4/3/2026 10:00"], None, None),
        (["13/04/2026 10:00", "04/05/2026 10:00", "4/3/2026 10:00"], "day first", None),
        (["13/04/2026 10:00", "04/13/2026 10:00"], None, None),
        # A year of two digits may come first.
        (["26/04/13 10:00", "26/04/14 10:00"], None, None),
        (["13/04/26 10:00", "14/04/26 10:00"], None, "day first"),
    ],
)
def test_the_dates_of_a_file_decide_if_they_are_written_alike(
    cells: list[str], known: Order | None, order: Order | None
) -> None:
    assert order_of_dates([(cell, None) for cell in cells], known).order == order


def test_it_is_said_whether_the_file_before_decided() -> None:
    dates = order_of_dates([("03/04/2026 10:00", "03/04/2026 10:05")], "day first")
    assert (dates.undecided, dates.decided_by, dates.is_known_from_before) == (2, 0, True)
    dates = order_of_dates([("03/04/2026 10:00", "13/04/2026 10:05")], "day first")
    assert (dates.undecided, dates.decided_by, dates.is_known_from_before) == (1, 1, False)
    assert DateOrder("day first").undecided == 0


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["03/04/2026 10:00"], "month first"),
        (["03/04/2026 10:00", "13/04/2026 10:00"], "day first"),
        (["3/4/2026 10:00", "03/04/2026 10:00"], None),  # two programs wrote these
    ],
)
def test_a_companys_order_comes_behind_that_of_the_file_and_before_the_last_ones(
    cells: list[str], order: str | None
) -> None:
    dates = order_of_dates([(cell, None) for cell in cells], "day first", "month first")
    assert dates.order == order
    assert dates.is_chosen == (order == "month first")
    assert not dates.is_known_from_before


@given(st.text("0123456789./-: ,TZ+年月日GMTUC[]apAPm", max_size=40) | st.text(max_size=40))
@settings(max_examples=500, deadline=None)
def test_nothing_else_raises(text: str) -> None:
    read_time(text)
    needs_order(text)
    order_of_dates([(text, text)])
    with suppress(ValueError):
        assert to_utc(text, OSLO).tzinfo is UTC


@given(
    st.datetimes(datetime(2016, 1, 1), datetime(2039, 1, 1)).map(lambda naive: naive.replace(microsecond=0)),
    st.sampled_from(
        [
            "{0:%Y-%m-%d %H:%M:%S}", "{0:%Y-%m-%dT%H:%M:%S}Z", "{0:%d-%b-%Y %H:%M:%S}", "{0:%a %b %d %H:%M:%S %Y}",
            "{0:%b %d %Y %I:%M:%S %p}", "{0.day}.{0.month}.{0.year} {0.hour}:{0:%M:%S}", "{0:%Y%m%d%H%M%S}",
            "{0:%a, %d %b %Y %H:%M:%S} +0000", "{0:%Y/%m/%d %H:%M:%S}.000",
        ]
    ),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_what_a_program_writes_is_read_back(moment: datetime, form: str) -> None:
    assert to_utc(form.format(moment), ZoneInfo("UTC")) == moment.replace(tzinfo=UTC)
