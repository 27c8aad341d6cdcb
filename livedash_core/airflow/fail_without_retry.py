"""What a retry cannot mend."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from livedash_core.errors import LiveDashError

log = logging.getLogger(__name__)


@contextmanager
def fail_without_retry() -> Iterator[None]:
    """Our own errors end the task at once, with their sentence; everything else is left to Airflow's retries."""
    try:
        yield
    except LiveDashError as error:
        # A line of its own: Airflow shows an exception's message only within its traceback.
        log.error("%s", error)
        raise AirflowFailException(str(error)) from error
