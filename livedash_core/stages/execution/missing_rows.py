"""Sessions from before a stage was added get that stage's row, so that it is done for them too."""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy import Engine

from livedash_core.db import in_transaction
from livedash_core.pipeline import Pipeline
from livedash_core.status import ProcessingStatusManager

log = logging.getLogger(__name__)

CHUNK_SESSIONS = 10_000


def add_missing_stage_rows(engine: Engine, pipeline: Pipeline) -> int:
    """Give every session a row for each stage; returns how many lacked one.

    One look at the ledger when none does. A transaction per chunk; two runs may do it at once.
    """
    with engine.connect() as connection:
        if not ProcessingStatusManager(connection, pipeline=pipeline).get_pipeline_status().lacks_rows:
            return 0
    brought, last = 0, None
    while found := _next_chunk(engine, pipeline, last):
        brought, last = brought + len(found), max(found)
    log.info("%d sessions from before a stage was added go through it now", brought)
    return brought


def _next_chunk(engine: Engine, pipeline: Pipeline, after: UUID | None) -> dict[UUID, UUID]:
    with engine.connect() as connection:
        found = ProcessingStatusManager(connection, pipeline=pipeline).get_incomplete_sessions(
            CHUNK_SESSIONS, after=after
        )
    in_transaction(
        engine, lambda connection: ProcessingStatusManager(connection, pipeline=pipeline).initialize_sessions(found)
    )
    return found
