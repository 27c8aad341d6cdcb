"""A list is complete and without duplicates, whatever the size of its pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, event, insert

from livedash_core.enums import STAGE_STATES
from livedash_core.errors import UsageError
from livedash_core.insights import counted_sessions
from livedash_core.models import Question, Session, SessionQuestion
from livedash_core.operations import session_list
from livedash_core.operations.session_filter import SessionFilter
from livedash_core.operations.session_list import Cursor, all_sessions, count_sessions, list_sessions
from livedash_core.operations.session_lookup import find_by_id
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope, read_breakdown
from livedash_core.status.breakdown import count_retrying
from livedash_core.status.failure_groups import list_failure_groups
from tests.integration.records import NOON, Records

FETCH = BUILT_IN.names[1]


@pytest.fixture
def busy(records: Records, engine: Engine) -> tuple[UUID, UUID]:
    """Two companies with sessions in every state of every stage; one starts each hour, one has no start."""
    companies = records.company("Acme"), records.company("Umbrella")
    for company_id in companies:
        for position in range(len(BUILT_IN.names) + 1):
            for hour in range(7):
                records.sessions(company_id, 1, started_at=NOON + timedelta(hours=hour), completed_stages=position)
            if position == len(BUILT_IN.names):
                continue
            with engine.begin() as connection:
                manager = ProcessingStatusManager(connection)
                whose = Scope(company_ids=(company_id,))
                claim = manager.claim(BUILT_IN.names[position], 4, whose)
                one, two, three, _ = claim.attempts
                manager.fail(BUILT_IN.names[position], claim.token, [Failure(one, "permanent", "session 17 is odd")])
                manager.fail(BUILT_IN.names[position], claim.token, [Failure(two, "transient", "busy")])
                manager.skip(BUILT_IN.names[position], claim.token, {three: "nothing to do"})
    records.sessions(companies[0], 1, started_at=None, completed_stages=0)
    with engine.begin() as connection:
        # A slow test would see a retry become due between two pages.
        later = "UPDATE livedash.session_processing_status SET available_at = available_at + interval '1 day' "
        connection.exec_driver_sql(
            later + "WHERE status = 'PENDING' AND available_at BETWEEN now() AND now() + interval '1 day'"
        )
    return companies


def analyse(engine: Engine, company_id: UUID, ids: list[UUID], **columns: Any) -> None:
    row = {"company_id": company_id, "started_at": NOON, "ended_at": NOON, "analyzer": "offline", **columns}
    with engine.begin() as connection, counted_sessions(connection, ids):
        connection.execute(insert(Session), [{"id": session_id, **row} for session_id in ids])


def all_pages(connection: Connection, wanted: SessionFilter, size: int = 3) -> list[UUID]:
    """Read all pages, each by the cursor of the one before as it is written in an address, and go back again.

    The list from its other end is the same list, and its count is its length.
    """
    found = pages_from(connection, wanted, size)
    assert pages_from(connection, wanted, size, oldest_first=True) == found[::-1]
    count = count_sessions(connection, wanted, BUILT_IN)
    assert count is not None
    assert count.sessions == len(found) if count.exact else count.sessions <= len(found)
    return found


def pages_from(connection: Connection, wanted: SessionFilter, size: int, *, oldest_first: bool = False) -> list[UUID]:
    pages: list[list[UUID]] = []
    after = before = None
    while True:
        page = list_sessions(connection, wanted, BUILT_IN, after=after, size=size, oldest_first=oldest_first)
        assert len(page.sessions) <= size
        pages.append([session.id for session in page.sessions])
        if page.next is None:
            break
        after = Cursor.parse(str(page.next))
    found = [session_id for shown in pages for session_id in shown]
    assert len(set(found)) == len(found)
    if not all(pages):  # a page of sessions that were read, none of which matched, has no neighbour to go back to
        return found
    number = len(pages) - 1
    while number > 0:
        assert page.previous is not None
        before = Cursor.parse(str(page.previous))
        page = list_sessions(connection, wanted, BUILT_IN, before=before, size=size, oldest_first=oldest_first)
        number -= 1
        assert [session.id for session in page.sessions] == pages[number]
        assert page.next is not None
    assert page.previous is None
    return found


def test_the_list_of_a_stage_and_state_has_as_many_sessions_as_the_breakdown(
    busy: tuple[UUID, UUID], connection: Connection
) -> None:
    for company_ids, stage, state in product((busy, busy[:1]), BUILT_IN.names, STAGE_STATES):
        breakdown = read_breakdown(connection, BUILT_IN, company_ids)
        retrying = count_retrying(connection, BUILT_IN, company_ids)[stage]
        counts = {
            "completed": breakdown.stages[stage]["COMPLETED"],
            "skipped": breakdown.stages[stage]["SKIPPED"],
            "in-progress": breakdown.stages[stage]["IN_PROGRESS"],
            "ready": breakdown.ready(stage) - retrying,
            "retrying": retrying,
            "waiting": breakdown.waiting(stage),
            "failed": breakdown.stages[stage]["FAILED"],
        }
        found = all_pages(connection, SessionFilter(Scope(company_ids=company_ids, stages=(stage,)), state))

        assert len(found) == counts[state], (stage, state)


def test_the_list_of_a_failure_group_has_as_many_sessions_as_the_group(
    busy: tuple[UUID, UUID], connection: Connection
) -> None:
    groups = list_failure_groups(connection)
    assert len(groups) == len(BUILT_IN.names)
    for group in groups:
        scope = Scope(company_ids=busy, stages=(group.stage,), error_kinds=(group.error_kind,))
        wanted = SessionFilter(scope, "failed", error_group=group.error_group)
        assert len(all_pages(connection, wanted)) == group.sessions


def test_sessions_are_listed_by_start_and_those_without_one_last(
    busy: tuple[UUID, UUID], connection: Connection
) -> None:
    found = list(all_sessions(connection, SessionFilter(Scope(company_ids=busy)), BUILT_IN, limit=1000))

    starts = [session.started_at for session in found]
    assert len(found) == 2 * 6 * 7 + 1
    assert starts[-1] is None
    assert starts[:-1] == sorted(starts[:-1], reverse=True)
    assert all_pages(connection, SessionFilter(Scope(company_ids=busy))) == [session.id for session in found]
    assert len(list(all_sessions(connection, SessionFilter(Scope(company_ids=busy)), BUILT_IN, limit=10))) == 10


def test_a_stage_without_a_state_lists_sessions_that_reached_it_and_have_not_finished_it(
    busy: tuple[UUID, UUID], connection: Connection
) -> None:
    breakdown = read_breakdown(connection, BUILT_IN)
    expected = sum(breakdown.stages[FETCH][status] for status in ("FAILED", "IN_PROGRESS")) + breakdown.ready(FETCH)

    assert len(all_pages(connection, SessionFilter(Scope(company_ids=busy, stages=(FETCH,))))) == expected


def test_days_filter_every_list(busy: tuple[UUID, UUID], connection: Connection) -> None:
    end = NOON + timedelta(hours=3)
    scope = Scope(company_ids=busy, started_from=NOON + timedelta(hours=1), started_before=end)

    everything = list(all_sessions(connection, SessionFilter(scope), BUILT_IN, limit=1000))
    failed = list(all_sessions(connection, SessionFilter(scope, state="failed"), BUILT_IN, limit=1000))

    assert len(everything) == 2 * 6 * 2
    assert all(NOON < session.started_at < end for session in [*everything, *failed])


def test_filters_by_analysis_work_alone_and_combined(
    records: Records, company_id: UUID, engine: Engine, connection: Connection
) -> None:
    dutch, german, other = (records.sessions(company_id, 4, completed_stages=5) for _ in range(3))
    analyse(engine, company_id, dutch, language="nl", sentiment="NEGATIVE", category="ONBOARDING", escalated=True)
    unresolved = {"outcome": "UNRESOLVED", "sentiment": "NEGATIVE"}
    analyse(engine, company_id, german, language="de", category="OFFBOARDING", forwarded_hr=True, **unresolved)
    lacking = {"outcome": "UNRESOLVED", "missing": "NO_ANSWER"}
    analyse(engine, company_id, other, language="nl", sentiment="NEUTRAL", category="ONBOARDING", **lacking)

    acme = Scope(company_ids=(company_id,))

    def found(scope: Scope = acme, **columns: Any) -> set[UUID]:
        return set(all_pages(connection, SessionFilter(scope, **columns)))

    assert found(sentiment="NEGATIVE") == {*dutch, *german}
    assert found(category="ONBOARDING", sentiment="NEGATIVE") == set(dutch)
    assert found(language="nl", category="ONBOARDING") == {*dutch, *other}
    assert found(escalated=True) == set(dutch)
    assert found(forwarded_hr=True, language="nl") == set()
    assert found(outcome="UNRESOLVED") == {*german, *other}
    assert found(outcome="UNRESOLVED", missing="NO_ANSWER") == set(other)
    assert found(outcome="UNRESOLVED", category="ONBOARDING", sentiment="NEUTRAL") == set(other)
    assert found(replace(acme, stages=(BUILT_IN.names[4],)), sentiment="NEUTRAL", state="completed") == set(other)
    second = replace(acme, started_from=NOON, started_before=NOON + timedelta(seconds=1))
    assert found(second, sentiment="NEUTRAL") == set(other)


def test_a_question_lists_its_sessions(
    records: Records, company_id: UUID, engine: Engine, connection: Connection
) -> None:
    ids = records.sessions(company_id, 5, completed_stages=5)
    analyse(engine, company_id, ids, language="nl")
    row = insert(Question).values(company_id=company_id, content="why?", normal_form="why", language="en")
    question_id = connection.scalar(row.returning(Question.id))
    links = [{"session_id": key, "position": 1, "question_id": question_id, "raw_text": "why?"} for key in ids[:4]]
    connection.execute(insert(SessionQuestion), links)

    assert all_pages(connection, SessionFilter(Scope(company_ids=(company_id,)), question_id=question_id)) == sorted(
        ids[:4], reverse=True
    )
    assert (
        all_pages(connection, SessionFilter(Scope(company_ids=(records.company("Other"),)), question_id=question_id))
        == []
    )


def test_a_page_reads_a_bounded_number_of_sessions_and_reports_it(
    records: Records, company_id: UUID, engine: Engine, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_list, "MAX_READ", 4)
    ids = [
        records.sessions(company_id, 1, started_at=NOON + timedelta(hours=hour), completed_stages=5 if hour < 2 else 4)[
            0
        ]
        for hour in range(10)
    ]
    wanted = SessionFilter(Scope(company_ids=(company_id,), stages=(BUILT_IN.names[4],)), "completed")

    first = list_sessions(connection, wanted, BUILT_IN, after=None, size=50)
    assert (first.sessions, first.sessions_read) == ([], 4)
    assert all_pages(connection, wanted) == [ids[1], ids[0]]


@pytest.mark.parametrize("rest", [{}, {"company_ids": ()}])
def test_a_session_is_found_by_id_and_by_external_id(
    records: Records, connection: Connection, rest: dict[str, Any]
) -> None:
    acme, umbrella = records.company("Acme"), records.company("Umbrella")
    (mine,) = records.sessions(acme, 1)
    records.sessions(umbrella, 1)

    for written in (str(mine), f"ext-{mine}"):
        found = find_by_id(connection, written, rest.get("company_ids", [acme, umbrella]))
        assert [session.id for session in found] == ([] if rest else [mine])
    assert find_by_id(connection, "nul\x00", [acme]) == []


@pytest.mark.parametrize(
    "cursor", ["", "x", "0~x~y", "9~infinity~00000000-0000-0000-0000-000000000000", "0~~", "~" * 9]
)
def test_an_invalid_cursor_is_refused(connection: Connection, company_id: UUID, cursor: str) -> None:
    with pytest.raises(UsageError, match="begin at the first one"):
        list_sessions(
            connection, SessionFilter(Scope(company_ids=(company_id,))), BUILT_IN, after=Cursor.parse(cursor), size=5
        )


def test_a_list_without_companies_has_the_sessions_of_all(busy: tuple[UUID, UUID], connection: Connection) -> None:
    for state in (None, *STAGE_STATES):
        of_both = all_pages(connection, SessionFilter(Scope(company_ids=busy), state))
        assert all_pages(connection, SessionFilter(Scope(), state)) == of_both, state


def test_states_without_sessions_are_not_read(records: Records, company_id: UUID, connection: Connection) -> None:
    """The sessions that wait for the last stage can be in sixteen index ranges, of which the kept counts name one."""
    records.sessions(company_id, 2, completed_stages=1)
    wanted = SessionFilter(Scope(stages=(BUILT_IN.last,)), "waiting")
    executed: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        executed.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    page = list_sessions(connection, wanted, BUILT_IN, size=5)
    event.remove(connection, "before_cursor_execute", note)

    assert len(page.sessions) == 2
    read = [one for one in executed if "AS source" in one]
    # Those that are due, and those that are due later.
    assert len(read) == 2


def test_a_page_after_a_state_that_has_become_empty_has_the_sessions_of_the_next(
    records: Records, company_id: UUID, engine: Engine, connection: Connection
) -> None:
    earlier, later = (records.sessions(company_id, 3, completed_stages=stages) for stages in (1, 2))
    wanted = SessionFilter(Scope(stages=(BUILT_IN.last,)), "waiting")
    first = list_sessions(connection, wanted, BUILT_IN, size=2)
    connection.rollback()
    with engine.begin() as other:
        manager = ProcessingStatusManager(other)
        stage = BUILT_IN.names[2]
        claim = manager.claim(stage, 3)
        manager.skip(stage, claim.token, dict.fromkeys(claim.attempts, "nothing to do"))
        # They are due for the next stage, which this list has read already.
    second = list_sessions(connection, wanted, BUILT_IN, after=first.next, size=5)

    assert {session.id for session in first.sessions} < set(later)
    assert {session.id for session in second.sessions} == set(earlier)


def test_a_list_of_several_stages_has_the_sessions_of_each(busy: tuple[UUID, UUID], connection: Connection) -> None:
    first, second = BUILT_IN.names[1:3]
    lists = [all_pages(connection, SessionFilter(Scope(stages=(stage,)), "failed")) for stage in (first, second)]

    # In the order of the pipeline, whatever the order in the scope.
    assert all_pages(connection, SessionFilter(Scope(stages=(second, first)), "failed")) == lists[0] + lists[1]
    assert all_pages(connection, SessionFilter(Scope(stages=("NO_SUCH_STAGE",)), "waiting")) == []


@pytest.mark.parametrize(
    ("scope", "error_group"),
    [
        (Scope(session_ids=()), None),
        (Scope(error_kinds=("permanent",)), None),
        (Scope(error_kinds=("permanent", "transient")), "session <number> is odd"),
        (Scope(), "session <number> is odd"),
    ],
)
def test_a_scope_that_a_list_cannot_apply_is_refused_and_not_ignored(scope: Scope, error_group: str | None) -> None:
    with pytest.raises(UsageError, match="a list of"):
        SessionFilter(scope, "failed", error_group=error_group)
