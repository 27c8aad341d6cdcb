"""A pass, a person and an erasure work on the same topics at the same time, and end as if one had come after the other.

Each test holds one transaction open until another one waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.insights.topics import curation
from livedash_core.insights.topics.counting import refresh_counts
from livedash_core.operations import erasure
from livedash_core.pipeline import BUILT_IN
from tests.integration.insights.topics.questions import Desk
from tests.integration.records import NOON, Records, rows_with
from tests.integration.status.locks import waiting_transaction

SECRET = "Grabowski"
SECRET_QUESTION = f"Why was {SECRET} fired?"


@pytest.fixture
def desk(records: Records) -> Desk:
    return Desk(records)


def erasing(*session_ids: UUID) -> Callable[[Connection], erasure.Erased]:
    return partial(erasure._erase_chunk, ids=list(session_ids), pipeline=BUILT_IN)


def test_the_log_of_a_rename_that_an_erasure_waits_for_is_erased(desk: Desk) -> None:
    (session_id,) = desk.ask(("en", SECRET_QUESTION))
    desk.group()
    topic_id = desk.topic_of(SECRET_QUESTION)
    with desk.engine.connect() as person:
        curation.rename(person, topic_id, f"The end of {SECRET}", by="Anna")
        with waiting_transaction(desk.engine, erasing(session_id)) as erased:
            person.commit()
        assert erased.result().questions == 1

    assert rows_with(desk.engine, SECRET) == {}
    log = desk.query("SELECT verb, changes FROM livedash.topic_edit")
    assert [tuple(row) for row in log] == [("rename", {})]
    assert desk.query("SELECT name FROM livedash.topic") == [(None,)]


@pytest.mark.parametrize("merged_first", [True, False])
def test_a_pass_that_waits_for_an_edit_counts_what_the_edit_made(desk: Desk, merged_first: bool) -> None:
    payslip, raised = "Where can I find my payslip?", "When will my salary be raised?"
    desk.ask(("en", payslip), outcome="UNRESOLVED")
    desk.ask(("en", payslip), ("en", raised), sessions=2, started_at=NOON + timedelta(days=1))
    desk.group()
    gone, kept = (desk.topic_of(question) for question in ((payslip, raised) if merged_first else (raised, payslip)))
    with desk.engine.connect() as person:
        curation.merge(person, gone, kept, by="Anna")
        with waiting_transaction(desk.engine, lambda connection: refresh_counts(connection, desk.company_id)) as counted:
            person.commit()
        counted.result()

    assert desk.query("SELECT sessions FROM livedash.topic WHERE id = :id", id=kept) == [(3,)]
    desk.assert_counts_equal_a_recount()
