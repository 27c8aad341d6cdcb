"""The daily erasure of what companies do not want kept any longer."""

from __future__ import annotations

import logging

from livedash_core.airflow.connections import checked_engine
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.operations.erasure import erase_expired
from livedash_core.pipeline import load_pipeline

log = logging.getLogger(__name__)


def run() -> dict[str, int]:
    """Erase; sessions that went, by company. What is erased stays so when the rest is cut short."""
    with fail_without_retry():
        erased = erase_expired(checked_engine(), load_pipeline())
    for company, what in erased.items():
        log.info(
            "%s: %d sessions, %d messages, %d transcripts, %d questions, %d rejected lines erased",
            company,
            what.sessions,
            what.messages,
            what.transcripts,
            what.questions,
            what.rejections,
        )
    if not erased:
        log.info("no company has a retention period; `livedash company update NAME --retention-days N` sets one")
    return {company: what.sessions for company, what in erased.items()}
