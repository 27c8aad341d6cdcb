"""The daily erasure of sessions past their company's retention period."""

from __future__ import annotations

import logging

from livedash_core.airflow.connections import checked_engine, settings
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.operations.access_log import forget
from livedash_core.operations.erasure import erase_expired
from livedash_core.pipeline import load_pipeline

log = logging.getLogger(__name__)


def run() -> dict[str, int]:
    """Erase expired sessions and old entries of the access log; returns the number of sessions by company.

    Each company is erased in transactions of its own.
    """
    with fail_without_retry():
        engine = checked_engine()
        erased = erase_expired(engine, load_pipeline())
        forgotten = forget(engine, settings().access_log_days)
    for company, counts in erased.items():
        log.info(
            "%s: %d sessions, %d messages, %d transcripts, %d questions, %d rejected lines erased",
            company,
            counts.sessions,
            counts.messages,
            counts.transcripts,
            counts.questions,
            counts.rejections,
        )
    log.info("%d entries of the access log deleted", forgotten)
    if not erased:
        log.info("no company has a retention period; `livedash company update NAME --retention-days N` sets one")
    return {company: counts.sessions for company, counts in erased.items()}
