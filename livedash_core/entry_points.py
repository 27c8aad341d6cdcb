"""The entry points of the installed packages."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoints, entry_points

#: All of them, as they are at the first call in this process. The search takes 20 ms, and every parse of a DAG file in
#: Airflow pays for it.
search = cache(entry_points)


def installed(group: str) -> EntryPoints:
    """Return the entry points of ``group``."""
    found: EntryPoints = search().select(group=group)
    return found
