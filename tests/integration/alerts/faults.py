"""Faults as rows: each plants one, and repairs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, insert, text
from uuid6 import uuid7

from livedash_core.models import AiBatch, AiCostDaily
from livedash_core.status import ProcessingStatusManager, Scope
from livedash_core.status.incidents import close_incidents, open_incident
from tests.integration.records import Records

#: The middle of a month, so that days before it and after it are of the same month.
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@dataclass
class World:
    """A test's database, at the instant ``now``."""

    engine: Engine
    records: Records
    now: datetime = NOW
    #: Of the company that the next fault affects.
    name: str = "Acme"
    stopped_dags: dict[str, str] = field(default_factory=dict)

    def execute(self, statement: str, **parameters: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def ago(self, **how_long: float) -> datetime:
        return self.now - timedelta(**how_long)

    def company(self, **columns: Any) -> UUID:
        return self.records.company(self.name, **{"csv_url": "https://acme.example/x.csv", **columns})

    def incident(self, stage: str, company: UUID | None, message: str, kind: str = "systemic") -> None:
        with self.engine.begin() as connection:
            open_incident(connection, stage, company, message, kind=kind)
            connection.execute(
                text("UPDATE livedash.systemic_incident SET first_seen_at = :at"), {"at": self.ago(minutes=3)}
            )

    def end_incident(self, stage: str, company: UUID | None) -> None:
        with self.engine.begin() as connection:
            close_incidents(connection, stage, [company] if company else [], for_everyone=company is None)

    def due(self, company: UUID, since: datetime, *, completed_stages: int = 1) -> list[UUID]:
        ids = self.records.sessions(company, 3, started_at=self.now, completed_stages=completed_stages)
        self.execute(
            "UPDATE livedash.session_processing_status SET available_at = :since "
            "WHERE status = 'PENDING' AND available_at < 'infinity' AND session_id = ANY(:ids)",
            since=since,
            ids=ids,
        )
        return ids

    def finish(self, ids: list[UUID], stage: str, at: datetime | None = None, *, status: str = "COMPLETED") -> None:
        """Claim these sessions and complete them, or fail them, at that instant."""
        at = at or self.now
        with self.engine.begin() as connection:
            manager = ProcessingStatusManager(connection)
            for session in ids:
                token = manager.start_stage(session, stage)
                if status == "COMPLETED":
                    manager.complete_stage(session, stage, token)
                else:
                    manager.fail_stage(session, stage, token, "no such page")
            parameters = {"at": at, "ids": ids}
            connection.execute(
                text(
                    "UPDATE livedash.session_processing_status SET completed_at = :at "
                    "WHERE completed_at IS NOT NULL AND session_id = ANY(:ids)"
                ),
                parameters,
            )
            connection.execute(
                text("UPDATE livedash.session_processing_failure SET failed_at = :at WHERE session_id = ANY(:ids)"),
                parameters,
            )
            # Settlements of this transaction.
            connection.execute(
                text(
                    "UPDATE livedash.session_processing_delta SET slot = date_bin('10 minutes', :at, 'epoch') "
                    "WHERE slot > now() - interval '20 minutes' AND stage = :stage"
                ),
                {"at": at, "stage": stage},
            )

    def finish_all(self, stage: str) -> None:
        """Complete the sessions that can be claimed in a stage."""
        due = text(
            "SELECT session_id FROM livedash.session_processing_status "
            "WHERE stage = :stage AND status = 'PENDING' AND available_at < 'infinity'"
        )
        with self.engine.connect() as connection:
            ids = list(connection.scalars(due, {"stage": stage}))
        self.finish(ids, stage)

    def costs(self, company: UUID, day: datetime, usd: float) -> None:
        counters = ("unpriced", "unusable", "prompt_tokens", "cached_tokens", "cache_write_tokens")
        with self.engine.begin() as connection:
            connection.execute(
                insert(AiCostDaily).values(
                    day=day.date(),
                    company_id=company,
                    model="small",
                    mode="realtime",
                    outcome="answered",
                    requests=1,
                    cost=usd,
                    max_cost=0,
                    completion_tokens=1,
                    reasoning_tokens=0,
                    **dict.fromkeys(counters, 0),
                )
            )

    def batch(self, company: UUID, created_at: datetime) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                insert(AiBatch).values(
                    company_id=company,
                    analyzer="openai",
                    model="small",
                    status="submitted",
                    lease_token=uuid7(),
                    requests=500,
                    remote_id="batch_1",
                    remote_status="in_progress",
                    created_at=created_at,
                )
            )


Fault = Callable[[World], Callable[[], Any]]


def unreachable_source(world: World) -> Callable[[], Any]:
    acme = world.company()
    for stage in ("CSV_IMPORT", "TRANSCRIPT_FETCH"):
        world.incident(stage, acme, "acme.example does not answer")
    world.due(acme, world.ago(hours=20))
    return lambda: (
        [world.end_incident(stage, acme) for stage in ("CSV_IMPORT", "TRANSCRIPT_FETCH")]
        + [world.finish_all("TRANSCRIPT_FETCH")]
    )


def refused_key(world: World) -> Callable[[], Any]:
    acme = world.company()
    world.due(acme, world.ago(hours=20), completed_stages=3)
    world.incident("AI_ANALYSIS", None, "the key is refused")
    return lambda: [world.end_incident("AI_ANALYSIS", None), world.finish_all("AI_ANALYSIS")]


def paused_import(world: World) -> Callable[[], Any]:
    world.company()
    world.stopped_dags["livedash_csv_import"] = "is paused"
    return world.stopped_dags.clear


def paused_stage(world: World) -> Callable[[], Any]:
    acme = world.company()
    world.due(acme, world.ago(hours=2), completed_stages=4)
    world.stopped_dags["livedash_question_extraction"] = "is paused"

    def repair() -> None:
        world.stopped_dags.clear()
        world.finish_all("QUESTION_EXTRACTION")

    return repair


def no_runs(world: World) -> Callable[[], Any]:
    world.due(world.company(), world.ago(minutes=45), completed_stages=2)
    return lambda: world.finish_all("SESSION_CREATION")


def slow_stage(world: World) -> Callable[[], Any]:
    acme = world.company()
    old, recent = world.due(acme, world.ago(hours=3)), world.due(acme, world.ago(hours=3))
    world.finish(recent, "TRANSCRIPT_FETCH")
    assert old
    return lambda: world.finish_all("TRANSCRIPT_FETCH")


def many_failures(world: World) -> Callable[[], Any]:
    acme = world.company()
    ids = world.records.sessions(acme, 12, started_at=world.now)
    world.finish(ids, "TRANSCRIPT_FETCH", world.ago(minutes=20), status="FAILED")

    def repair() -> None:
        world.execute("UPDATE livedash.session_processing_status SET available_at = :at", at=world.now)
        with world.engine.begin() as connection:
            ProcessingStatusManager(connection).reset_failed(Scope())

    return repair


def used_budget(world: World) -> Callable[[], Any]:
    acme = world.company(monthly_budget_usd=100)
    for day in (1, 2, 3, 4):
        world.costs(acme, world.now.replace(day=day), 15)
    return lambda: world.execute("UPDATE livedash.company SET monthly_budget_usd = 1000")


def expensive_day(world: World) -> Callable[[], Any]:
    acme = world.company()
    for days in (1, 2, 5, 6):
        world.costs(acme, world.ago(days=days), 4)
    world.costs(acme, world.now, 20)

    def next_day() -> None:
        world.now += timedelta(days=1)

    return next_day


def lost_batch(world: World) -> Callable[[], Any]:
    world.batch(world.company(), world.ago(hours=30))
    return lambda: world.execute("UPDATE livedash.ai_batch SET status = 'closed', closed_at = now()")


def dying_lanes(world: World) -> Callable[[], Any]:
    acme = world.company()
    ids = world.records.sessions(acme, 3, started_at=world.now)
    world.execute(
        """
        INSERT INTO livedash.session_processing_failure
            (session_id, company_id, stage, attempt, started_at, failed_at, error_kind, error_message)
        SELECT id, :company, 'TRANSCRIPT_FETCH', 1, :at, CAST(:at AS timestamptz) + interval '5 minutes',
               'lease_expired', 'the worker host:' || row_number() OVER () || ' stopped without settling its claim'
        FROM unnest(CAST(:ids AS uuid[])) AS session (id)
        """,
        company=acme,
        ids=ids,
        at=world.ago(minutes=40),
    )
    world.execute(
        "UPDATE livedash.session_processing_status SET available_at = :at "
        "WHERE stage = 'TRANSCRIPT_FETCH' AND session_id = ANY(:ids)",
        at=world.now,
        ids=ids,
    )

    def an_hour_later() -> None:
        world.finish(ids, "TRANSCRIPT_FETCH")
        world.now += timedelta(hours=1)

    return an_hour_later


def missed_retention(world: World) -> Callable[[], Any]:
    acme = world.company(retention_days=30)
    ids = world.records.sessions(acme, 2, started_at=world.ago(days=40), completed_stages=5)
    return lambda: world.execute("UPDATE livedash.session_import SET erased_at = now() WHERE id = ANY(:ids)", ids=ids)


#: Rule → a fault that it finds.
FAULTS: Mapping[str, tuple[str, Fault]] = {
    "a source that does not answer": ("source", unreachable_source),
    "a key that is refused": ("stopped", refused_key),
    "a paused import": ("paused", paused_import),
    "a paused stage": ("paused", paused_stage),
    "no runs": ("idle", no_runs),
    "a slow stage": ("backlog", slow_stage),
    "many failures": ("failures", many_failures),
    "a used budget": ("budget", used_budget),
    "an expensive day": ("spending", expensive_day),
    "a batch that stays away": ("batch", lost_batch),
    "lanes that die": ("workers", dying_lanes),
    "a missed retention": ("retention", missed_retention),
}
