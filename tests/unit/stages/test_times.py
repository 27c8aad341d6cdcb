"""When a session began and ended."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from livedash_core.errors import PermanentError
from livedash_core.stages.times import interpret

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
        ("2026-03-02 09:00", "02.03.2026 08:00:00", "is not a date written DD.MM.YYYY"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(start, end, says):
    with pytest.raises(PermanentError, match=says):
        interpret(start, end, AMSTERDAM)
