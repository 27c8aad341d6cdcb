"""A claim of SESSION_CREATION holds a bounded amount of text, however long transcripts are."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.stages import session_creation
from livedash_core.stages.session_creation import ImportedSession, SessionCreation
from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import CONVERSATION, Site

LONG = CONVERSATION + "User: " + "x" * 10_000 + "\n"
SESSIONS = 24


class Watched(SessionCreation):
    """SESSION_CREATION that notes the bytes of the transcripts that it loads."""

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[ImportedSession]:
        items = super().load(connection, session_ids)
        loads.append([len((item.transcript or "").encode()) for item in items])
        return items


loads: list[list[int]] = []


@pytest.fixture(autouse=True)
def _no_loads():
    loads.clear()


def fetched(site: Site, pipeline: Pipeline, transcripts: Sequence[str]) -> Watched:
    site.publish(site.row(f"S{number:02}", transcript) for number, transcript in enumerate(transcripts))
    pipeline.run("CSV_IMPORT")
    pipeline.run("TRANSCRIPT_FETCH")
    return Watched(pipeline.context)


def test_long_transcripts_are_loaded_a_few_at_a_time(
    site: Site, acme, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session_creation, "CLAIM_BYTES", 35_000)
    stage = fetched(site, pipeline, [LONG] * SESSIONS)

    report = pipeline.run(stage)

    assert max(map(sum, loads)) <= 35_000
    assert sum(map(len, loads)) == SESSIONS
    # Not one session at a time either, and few claims in vain.
    assert len(loads) < SESSIONS / 2
    assert (report.claimed, report.completed, report.released) == (SESSIONS, SESSIONS, 0)
    assert pipeline.statuses("SESSION_CREATION") == {"COMPLETED": SESSIONS}
    assert pipeline.attempts("SESSION_CREATION") == {1}
    assert pipeline.leases() == 0


def test_a_transcript_that_is_too_long_alone_is_loaded_alone(
    site: Site, acme, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session_creation, "CLAIM_BYTES", 5_000)
    stage = fetched(site, pipeline, [CONVERSATION, LONG, CONVERSATION, LONG])

    report = pipeline.run(stage)

    assert [load for load in loads if len(load) > 1 and sum(load) > 5_000] == []
    assert (report.claimed, report.completed) == (4, 4)


def test_claims_grow_again_after_long_transcripts(
    site: Site, acme, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session_creation, "CLAIM_BYTES", 15_000)
    stage = fetched(site, pipeline, [LONG] * 3 + [CONVERSATION] * SESSIONS)

    pipeline.run(stage)

    assert stage.claim_size > 4
    assert len(loads) < SESSIONS / 2


def test_a_limit_counts_the_sessions_that_were_loaded(
    site: Site, acme, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session_creation, "CLAIM_BYTES", 35_000)
    stage = fetched(site, pipeline, [LONG] * SESSIONS)

    report = pipeline.run(stage, limit=20)

    assert (report.claimed, report.completed) == (20, 20)


def test_short_transcripts_are_one_claim(site: Site, acme, pipeline: Pipeline):
    stage = fetched(site, pipeline, [CONVERSATION, "", *[CONVERSATION] * 150])

    pipeline.run(stage)

    assert [len(load) for load in loads] == [152]
