"""The pages. Read-only: whatever changes something is a DAG run, started in Airflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from livedash_core.status import Breakdown
from livedash_core.web.bars import Segment, stacked
from livedash_core.web.database import Reader
from livedash_core.web.queries import read_overview
from livedash_core.web.rendering import render

ACRONYMS = ("AI", "CSV")


class State(NamedTuple):
    """A column of the table and a colour of the bar."""

    key: str
    label: str
    meaning: str


STATES = (
    State("completed", "Completed", "done"),
    State("skipped", "Skipped", "nothing to do, with a reason"),
    State("in-progress", "In progress", "a worker holds it"),
    State("ready", "Ready", "due now or at its next retry"),
    State("waiting", "Waiting", "for an earlier stage"),
    State("failed", "Failed", "waits for a person"),
)


class StageRow(NamedTuple):
    """One stage; ``counts`` has a number for each of ``STATES``."""

    name: str
    counts: dict[str, int]
    bar: list[Segment]


class Totals(NamedTuple):
    """Sessions, each counted once: a session that is not done and has not failed is on its way."""

    sessions: int
    done: int
    failed: int
    in_progress: int

    @property
    def on_the_way(self) -> int:
        """In progress, ready for a stage, or waiting for a retry."""
        return self.sessions - self.done - self.failed


def stage_title(stage: str) -> str:
    """``CSV_IMPORT`` as people write it: CSV import."""
    words = " ".join(word if word in ACRONYMS else word.lower() for word in stage.split("_"))
    return words[:1].upper() + words[1:]


def dag_id(stage: str) -> str:
    """The DAG that runs a stage (DESIGN, "Airflow")."""
    return f"livedash_{stage.lower()}"


def stage_rows(breakdown: Breakdown) -> list[StageRow]:
    """The table of the Pipeline page."""
    rows = []
    for stage, found in breakdown.stages.items():
        counts = {
            "completed": found["COMPLETED"],
            "skipped": found["SKIPPED"],
            "in-progress": found["IN_PROGRESS"],
            "ready": breakdown.ready(stage),
            "waiting": breakdown.waiting(stage),
            "failed": found["FAILED"],
        }
        rows.append(StageRow(stage, counts, stacked(counts)))
    return rows


def totals(breakdown: Breakdown) -> Totals:
    """The cards of the Pipeline page. A stage opens when the one before is done, so a session fails at one only."""
    return Totals(
        sessions=breakdown.total_sessions,
        done=breakdown.done(list(breakdown.stages)[-1]),
        failed=sum(found["FAILED"] for found in breakdown.stages.values()),
        in_progress=sum(found["IN_PROGRESS"] for found in breakdown.stages.values()),
    )


def make_router(read: Reader, stages: Callable[[], tuple[str, ...]]) -> APIRouter:
    """The pages' routes."""
    router = APIRouter()

    @router.get("/")
    def pipeline(request: Request, company: str = "") -> Response:
        """The Pipeline page, of one company (by name) or of all. Raises ``UnknownCompany``: 404."""
        with read() as connection:
            overview = read_overview(connection, stages(), company or None)
        return render(
            request,
            "pipeline.html",
            overview=overview,
            company=company,
            states=STATES,
            rows=stage_rows(overview.breakdown),
            totals=totals(overview.breakdown),
            first_stage=next(iter(overview.breakdown.stages)),
            stage_title=stage_title,
            dag_id=dag_id,
        )

    return router
