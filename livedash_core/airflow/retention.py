"""The daily erasure of sessions past their company's retention period, and what else is to be done once a day."""

from __future__ import annotations

import logging

from livedash_core.airflow.connections import checked_engine, settings
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.costs import load_prices, price_unpriced_calls
from livedash_core.db import in_transaction
from livedash_core.operations.access_log import forget
from livedash_core.operations.erasure import erase_expired
from livedash_core.pipeline import load_pipeline

log = logging.getLogger(__name__)


def run() -> dict[str, int]:
    """Erase expired sessions and old entries of the access log; returns the number of sessions by company.

    Each company is erased in transactions of its own. Then price the calls that were missed when a price was added.
    """
    with fail_without_retry():
        engine = checked_engine()
        erased = erase_expired(engine, load_pipeline())
        forgotten = forget(engine, settings().access_log_days)
        # When a price is added, a process may close calls with an older list at the same moment, or be killed before it
        # reads the new one.
        priced = in_transaction(engine, lambda connection: price_unpriced_calls(connection, load_prices(connection)))
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
    if priced:
        log.info("%d calls priced that were closed with an older price list", priced)
    if not erased:
        log.info("no company has a retention period; `livedash company update NAME --retention-days N` sets one")
    return {company: counts.sessions for company, counts in erased.items()}
