"""A pass, a person and an erasure work on the same topics at the same time, and end as if one had come after the other.

Each test holds one transaction open until another one waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.insights.topics import curation
from livedash_core.operations import erasure
from livedash_core.pipeline import BUILT_IN
from tests.integration.insights.topics.questions import Desk
from tests.integration.records import Records, rows_with
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
