"""Writes instants on a page, all of them in one time zone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from markupsafe import Markup


class Clock:
    """Writes instants in a company's time zone, or in UTC if the page is about several companies."""

    def __init__(self, timezone: str | None = None) -> None:
        """Take the IANA name of a time zone; without one, or with one that this server lacks, use UTC."""
        self._zone: tzinfo = UTC
        self.name = "UTC"
        if timezone:
            with suppress(KeyError, ValueError, OSError):
                self._zone, self.name = ZoneInfo(timezone), timezone

    @property
    def sentence(self) -> str:
        """The sentence for the page's head. Days in filters and tables are days in UTC on every page."""
        return "Times in UTC." if self.name == "UTC" else f"Times in {self.name}; days to filter by are days in UTC."

    def __call__(self, instant: datetime | None) -> Markup:
        """Write an instant as a ``<time>`` element that shows the time in UTC on hover; a dash for None."""
        if instant is None:
            return Markup("–")
        utc = instant.astimezone(UTC)
        try:
            shown = utc.astimezone(self._zone)
        except OverflowError:  # at the ends of the calendar
            shown = utc
        return Markup('<time datetime="{}" title="{:%Y-%m-%d %H:%M:%S} UTC">{:%Y-%m-%d %H:%M}</time>').format(
            utc.isoformat(), utc, shown
        )
