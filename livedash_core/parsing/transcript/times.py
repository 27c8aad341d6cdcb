"""When the messages of a transcript were sent: written times as instants, missing ones spread between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from livedash_core.enums import DAY_ORDERS
from livedash_core.parsing.dates import is_ambiguous
from livedash_core.parsing.stamps import Order, Stamp, with_offset

#: A message further away from its session than this is noted: a wrong year, or another session's transcript.
FAR_FROM_SESSION = timedelta(days=30)
#: How far a stamp may lie outside its session and still decide between two orders of day and month.
_NEAR_SESSION = timedelta(days=1)
#: A time of day that goes back further than this belongs to the next day.
_PAST_MIDNIGHT = timedelta(hours=6)


def instants(
    stamps: Sequence[Stamp | None],
    started_at: datetime,
    ended_at: datetime,
    zone: ZoneInfo,
    notes: Counter[str],
    chosen: Order | None = None,
) -> list[datetime | None]:
    """The instant of each stamp in UTC; None for what is missing, impossible or ambiguous (counted in ``notes``).

    ``chosen`` is the order of day and month where neither the stamps nor the session decide.
    """
    order = _order_of([stamp for stamp in stamps if stamp is not None], started_at, ended_at, zone, chosen)
    read: list[datetime | None] = []
    latest: datetime | None = None
    for stamp in stamps:
        instant = None
        if stamp is not None:
            if stamp.is_ambiguous and order is None:
                notes["times_ambiguous"] += 1
            else:
                instant = _instant(stamp, order or "day first", latest, started_at, ended_at, zone)
                notes["times_unreadable"] += instant is None
        if instant is not None:
            latest = instant if latest is None else max(latest, instant)
            notes["times_far_from_session"] += is_far(instant, started_at, ended_at)
        read.append(instant)
    return read


def is_far(instant: datetime, started_at: datetime, ended_at: datetime) -> bool:
    """Whether a message's time can hardly belong to its session."""
    return instant - ended_at > FAR_FROM_SESSION or started_at - instant > FAR_FROM_SESSION


def _order_of(
    stamps: Sequence[Stamp], started_at: datetime, ended_at: datetime, zone: ZoneInfo, chosen: Order | None
) -> Order | None:
    """Which number is the day, by all stamps of the transcript, else by the session, else ``chosen``."""
    undecided = [stamp for stamp in stamps if stamp.year is not None and stamp.order is None and stamp.instant is None]
    if not undecided:
        return "day first"
    day_first = any(stamp.first > 12 for stamp in undecided)
    month_first = any(stamp.second > 12 for stamp in undecided)
    if day_first or month_first:
        return None if day_first and month_first else "day first" if day_first else "month first"
    near: list[Order] = []
    for order in DAY_ORDERS:
        times = [stamp.local(order) for stamp in undecided]
        first, last = (at.astimezone(zone).replace(tzinfo=None) for at in (started_at, ended_at))
        if all(time is not None and first - time <= _NEAR_SESSION and time - last <= _NEAR_SESSION for time in times):
            near.append(order)
    return near[0] if len(near) == 1 else chosen


def _instant(
    stamp: Stamp, order: Order, latest: datetime | None, started_at: datetime, ended_at: datetime, zone: ZoneInfo
) -> datetime | None:
    if stamp.problem or stamp.instant is not None:
        return stamp.instant
    if stamp.year is None:
        return _time_of_day(stamp, latest, started_at, ended_at, zone)
    local = stamp.local(order)
    return None if local is None else _in_zone(local, stamp, latest, started_at, ended_at, zone)


def _time_of_day(
    stamp: Stamp, latest: datetime | None, started_at: datetime, ended_at: datetime, zone: ZoneInfo
) -> datetime | None:
    """On the day of the message before, or of the session; on the next day once it is past midnight."""
    anchor = latest or started_at
    day: date = anchor.astimezone(zone).date()
    for next_days in (0, 1):
        try:
            on = day + timedelta(days=next_days)
        except OverflowError:
            return None
        local = datetime(on.year, on.month, on.day, stamp.hour, stamp.minute, stamp.second_of_minute, stamp.microsecond)
        instant = _in_zone(local, stamp, latest, started_at, ended_at, zone)
        if instant is None or anchor - instant <= _PAST_MIDNIGHT:
            return instant
    return instant


def _in_zone(
    local: datetime, stamp: Stamp, latest: datetime | None, started_at: datetime, ended_at: datetime, zone: ZoneInfo
) -> datetime | None:
    """The instant at which clocks in ``zone`` show ``local``; None in the hour that does not happen.

    In the hour that happens twice the first is taken, as for the times of a session's row; the second, if the first
    lies before the message above (or before the session) and the second does not lie behind the session.
    """
    if stamp.offset is not None:
        return with_offset(local, stamp.offset)
    try:
        instant = local.replace(tzinfo=zone).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) != local:
            return None
        not_before = started_at if latest is None else max(latest, started_at)
        if instant < not_before and is_ambiguous(instant, zone):
            second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
            if second <= ended_at + timedelta(minutes=1) or (latest is not None and instant < latest <= second):
                return second
    except (ValueError, OverflowError):  # the year 1 or 9999, moved over its edge by the zone
        return None
    return instant


def spread(times: Sequence[datetime | None], started_at: datetime, ended_at: datetime) -> list[datetime]:
    """The same times, none missing and none before the one in front of it.

    A missing time is spread evenly between its neighbours; at the edges the session's times stand in, unless the
    transcript's own lie beyond them.
    """
    if not times:
        return []
    known: list[tuple[int, datetime]] = []
    for position, time in enumerate(times):
        if time is not None:
            known.append((position, max(time, known[-1][1]) if known else time))
    if times[0] is None:
        known.insert(0, (0, min(started_at, known[0][1]) if known else started_at))
    if known[-1][0] < len(times) - 1:
        known.append((len(times) - 1, max(ended_at, known[-1][1])))
    result = [known[0][1]]
    for (position, time), (next_position, next_time) in pairwise(known):
        steps = next_position - position
        # A fraction, not a product of steps: years times a million messages is more than a timedelta holds.
        result.extend(time + (next_time - time) * (step / steps) for step in range(1, steps + 1))
    return result
