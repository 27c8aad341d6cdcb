"""Records what the pages show of conversations. A page is shown even if its entry cannot be written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import cache
from uuid import UUID

from fastapi import Request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from livedash_core.operations.access_log import SESSION, Access, complete, record
from livedash_core.web.filters import Companies, CompanyChoice, FilterForm

log = logging.getLogger(__name__)


class AccessRecorder:
    """Writes the access log; where that fails, an error in the log of Airflow's API server says what was read by whom.

    The database may be read-only, or the connection's user may lack the right to write.
    """

    def __init__(self, open_engine: Callable[[], Engine]) -> None:
        self._engine = cache(open_engine)

    def begin(self, access: Access) -> int | None:
        """Write an entry and return its id; None if it cannot be written."""
        try:
            return record(self._engine(), access)
        except SQLAlchemyError as error:
            log.error("This is not in the access log, because it cannot be written (%s): %s", _reason(error), access)
            return None

    def end(self, entry: int | None, rows: int) -> None:
        """Add the number of lines to the entry of an export."""
        if entry is None:
            return
        try:
            complete(self._engine(), entry, rows)
        except SQLAlchemyError as error:
            log.error("Entry %d of the access log lacks its %d rows (%s)", entry, rows, _reason(error))


def record_session(request: Request, filters: FilterForm, company: CompanyChoice, session_id: UUID) -> None:
    """Record that the visitor reads a session."""
    recorder: AccessRecorder = request.app.state.access_recorder
    recorder.begin(Access(filters.visitor.name, SESSION, (company.id,), session_id))


def recorded_export(
    request: Request, filters: FilterForm, companies: Companies, file: str, lines: Iterator[str]
) -> Iterator[str]:
    """Yield the lines of an exported ``file`` and record the export: before the first, and their number at the end.

    The first line is the heading, which does not count.
    """
    recorder: AccessRecorder = request.app.state.access_recorder
    entry = recorder.begin(Access(filters.visitor.name, file, filters.scope(companies).company_ids))
    sent = -1
    try:
        for line in lines:
            sent += 1
            yield line
    finally:
        recorder.end(entry, max(0, sent))


def _reason(error: SQLAlchemyError) -> str:
    return type(getattr(error, "orig", None) or error).__name__
