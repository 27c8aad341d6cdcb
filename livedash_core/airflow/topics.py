"""The tasks of the DAGs livedash_topics and livedash_topic_edit."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from livedash_core.airflow.connections import checked_engine, settings
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.db import in_transaction
from livedash_core.insights.topics.requests import apply_request
from livedash_core.operations.companies import company_id
from livedash_core.operations.topics import group_questions

log = logging.getLogger(__name__)


def group(company: str | None, *, with_model: bool) -> dict[str, Any]:
    """Group the new questions of a company or of all; returns what was done by company.

    Raises ``AirflowFailException``, after all companies are grouped, if a model call failed.
    """
    with fail_without_retry():
        engine = checked_engine()
        with engine.connect() as connection:
            whose = company_id(connection, company) if company else None
        done = {}
        for name, grouped in group_questions(engine, settings(), whose, with_model=with_model):
            log.info("%s: %s", name, grouped.as_dict())
            done[name] = grouped
    if errors := [f"{name}: {grouped.error}" for name, grouped in done.items() if grouped.error]:
        for error in errors:
            log.error("%s", error)
        raise AirflowFailException("; ".join(errors))
    return {name: grouped.questions for name, grouped in done.items()}


def edit(request: Mapping[str, Any], by: str) -> int:
    """Apply a change to topics; returns the id of its row in the log."""
    with fail_without_retry():
        return in_transaction(checked_engine(), lambda connection: apply_request(connection, request, by=by))
