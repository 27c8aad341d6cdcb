"""Texts for constants and numbers on the pages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal, NamedTuple

from babel import Locale

from livedash_core.analyzers import load_analyzers
from livedash_core.enums import STAGE_STATES, ErrorKind, StageState, Status


class State(NamedTuple):
    """A state of a session in a stage, as a column and a colour, with its meaning."""

    key: StageState
    label: str
    meaning: str


_MEANINGS: dict[StageState, str] = {
    "completed": "the stage is done",
    "skipped": "nothing to do, for the reason that is shown",
    "in-progress": "a worker processes it",
    "ready": "due now",
    "retrying": "due at its next retry",
    "waiting": "waits for an earlier stage",
    "failed": "needs a retry by hand",
}
STATES = tuple(State(key, key.replace("-", " ").capitalize(), _MEANINGS[key]) for key in STAGE_STATES)
#: The state of each stored status; PENDING is also "retrying" until its retry is due.
STATE_OF: dict[Status | Literal["WAITING"], StageState] = {
    "COMPLETED": "completed",
    "SKIPPED": "skipped",
    "IN_PROGRESS": "in-progress",
    "PENDING": "ready",
    "WAITING": "waiting",
    "FAILED": "failed",
}
ERROR_KINDS: dict[ErrorKind, str] = {
    "transient": "all attempts failed",
    "permanent": "will fail again in the same way",
    "lease_expired": "the worker stopped",
}


@cache
def _language_names() -> Mapping[str, str]:
    return dict(Locale("en").languages)


def language(code: str | None) -> str:
    """The English name of a language, such as "Dutch" for ``nl``; the code itself if it has none."""
    if not code:
        return "–"
    return _language_names().get(code.partition("-")[0].lower(), code)


def dag_id(stage: str) -> str:
    """Return the id of the DAG that runs a stage."""
    return f"livedash_{stage.lower()}"


def duration(seconds: float | None) -> str:
    """Format a duration, such as ``0.4 s``, ``12 s``, ``3 min``, ``2 h``; a dash if it is unknown."""
    if seconds is None:
        return "–"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def change(now: float, before: float) -> str:
    """Format the change from ``before`` to ``now``, such as ``+12%``; ``new`` if ``before`` is zero."""
    if not before:
        return "new" if now else "–"
    percent = round(100 * (now - before) / before)
    return f"{percent:+d}%" if percent else "±0%"


def analyzed_by(analyzer: str, model: str | None) -> str:
    """The analyzer of a session as a page shows it; its bare name when it is not installed any more."""
    for definition in load_analyzers().definitions:
        if definition.name == analyzer:
            return definition.analyzed_by(model)
    return analyzer
