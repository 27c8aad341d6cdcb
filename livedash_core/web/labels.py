"""How things are called on the pages. Pure."""

from __future__ import annotations

from typing import NamedTuple

from livedash_core.analyzers import load_analyzers

_ACRONYMS = ("AI", "CSV", "HR")


class State(NamedTuple):
    """Where a session may stand in a stage: a column, a colour, and what it means."""

    key: str
    label: str
    meaning: str


STATES = (
    State("completed", "Completed", "done"),
    State("skipped", "Skipped", "nothing to do, with a reason"),
    State("in-progress", "In progress", "a worker holds it"),
    State("ready", "Ready", "due now"),
    State("retrying", "Retrying", "due at its next retry"),
    State("waiting", "Waiting", "for an earlier stage"),
    State("failed", "Failed", "waits for a person"),
)
#: A status of a row, as ``State.key``.
STATE_OF = {
    "COMPLETED": "completed",
    "SKIPPED": "skipped",
    "IN_PROGRESS": "in-progress",
    "PENDING": "ready",
    "WAITING": "waiting",
    "FAILED": "failed",
}
ERROR_KINDS = {
    "transient": "tried again and again",
    "permanent": "will fail again the same way",
    "lease_expired": "its worker stopped",
}


def title(constant: str) -> str:
    """``CSV_IMPORT`` as people write it: CSV import."""
    words = " ".join(word if word in _ACRONYMS else word.lower() for word in constant.split("_"))
    return words[:1].upper() + words[1:]


def dag_id(stage: str) -> str:
    """The DAG that runs a stage (DESIGN, "Airflow")."""
    return f"livedash_{stage.lower()}"


def duration(seconds: float | None) -> str:
    """Like ``0.4 s``, ``12 s``, ``3 min``, ``2.5 h``; a dash for what is not known."""
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
    """By how much ``now`` differs: ``+12 %``; ``new`` when there was nothing to compare with."""
    if not before:
        return "new" if now else "–"
    percent = round(100 * (now - before) / before)
    return f"{percent:+d} %" if percent else "±0 %"


def analyzed_by(analyzer: str, model: str | None) -> str:
    """The analyzer of a session as a page shows it; its bare name when it is not installed any more."""
    for definition in load_analyzers().definitions:
        if definition.name == analyzer:
            return definition.analyzed_by(model)
    return analyzer
