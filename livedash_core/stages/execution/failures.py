"""Classifies exceptions as session or database failures, and describes them without foreign text."""

from __future__ import annotations

from pathlib import PurePath
from uuid import UUID

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from livedash_core.db import first_line
from livedash_core.errors import PermanentError, ProcessingError, TransientError
from livedash_core.status import Failure

#: Classes of SQLSTATE that no single row causes: connection, transaction state (a standby is read-only), login,
#: rights and missing tables, resources, locks, operator, system (PostgreSQL, appendix A). psycopg's own classes do
#: not tell: a row too large for an index (54000) is an OperationalError like a lost connection.
_DATABASE_CLASSES = frozenset(("08", "25", "28", "42", "53", "55", "57", "58"))


def is_database_failure(error: Exception) -> bool:
    """Whether the database failed as a whole, so that searching for the row that causes it would fail every row."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    # Without a state the error comes from the driver: the server did not answer.
    return state[:2] in _DATABASE_CLASSES if state else isinstance(error, OperationalError | InterfaceError)


def to_failure(session_id: UUID, error: Exception) -> Failure:
    """The failed attempt of a session whose ``handle`` raised ``error``."""
    if isinstance(error, ProcessingError):
        retry_after = error.retry_after_seconds if isinstance(error, TransientError) else None
        return Failure(session_id, error.kind, str(error), retry_after)
    return Failure(session_id, PermanentError.kind, describe(error))


def describe(error: Exception) -> str:
    """Describe an error without foreign text: transcripts and parameters stay out of the status tables."""
    if isinstance(error, DBAPIError):
        return f"the database refused it: {first_line(error)}"
    if isinstance(error, ProcessingError):
        return str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"an unexpected {type(error).__name__}{where}; this is a bug in LiveDash or in the stage"
