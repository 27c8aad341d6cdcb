"""Turns LiveDash's own errors into task failures that Airflow does not retry."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from livedash_core.errors import LiveDashError

log = logging.getLogger(__name__)


@contextmanager
def fail_without_retry() -> Iterator[None]:
    """Fail the task at once on a ``LiveDashError``, with its message; Airflow retries after any other exception."""
    try:
        yield
    except LiveDashError as error:
        # Logged apart, because Airflow shows an exception's message only within its traceback.
        log.error("%s", error)
        raise AirflowFailException(str(error)) from error
