"""Which companies a visitor reads: every route of the app, as users with different rights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from fastapi.dependencies.utils import get_flat_dependant
from fastapi.routing import APIRoute
from httpx2 import Response
from sqlalchemy import Connection, Engine, insert, select
from starlette.testclient import TestClient

from livedash_core import full_text
from livedash_core.full_text import index_messages, index_summaries
from livedash_core.insights import counted_questions, counted_sessions
from livedash_core.models import (
    AiCostDaily,
    AiProcessingRequest,
    Alert,
    Company,
    CompanyCsv,
    ImportRejection,
    Message,
    ModelServer,
    Question,
    Session,
    SessionImport,
    SessionQuestion,
    Topic,
    TopicDayCount,
    TopicMember,
)
from livedash_core.operations.company_access import ALL_COMPANIES, Visitor, company_resource
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope
from livedash_core.status.failure_groups import list_failure_groups
from livedash_core.status.incidents import open_incident
from livedash_core.web import sessions
from tests.integration.records import NOON, Records
from tests.integration.web.conftest import Visit, make_app, may_run_none

FETCH, ANALYSIS = BUILT_IN.names[1], BUILT_IN.names[3]
#: Routes that show nothing of a company.
STATIC = {"/static/{name}"}
#: Routes whose answers are numbers or ids: they cannot show a word of a company.
WITHOUT_WORDS = {"/forecast", "/failures/sessions", "/insights/without-outcome"}


class Planted(NamedTuple):
    """A company and what its pages can be asked for: name of a parameter → values."""

    id: UUID
    name: str
    values: dict[str, list[str]]


def plant(records: Records, name: str, word: str) -> Planted:
    """A company with something in every place that a page reads, each text of which contains ``word``."""
    company_id = records.company(name, csv_url=f"https://{word}.example/chats.csv")
    now = datetime.now(UTC)
    *ids, done = [uuid4() for _ in range(5)]
    with records.engine.begin() as connection, counted_sessions(connection, [*ids, done]):
        connection.execute(
            insert(SessionImport),
            [
                {
                    "id": one, "company_id": company_id, "external_session_id": f"{word}-{number}", "started_at": NOON,
                    "initial_message": f"{word} says hello", "full_transcript_url": f"https://{word}.example/{number}",
                }
                for number, one in enumerate([*ids, done])
            ],
        )  # fmt: skip
        for one in (*ids[:3], done):
            connection.execute(
                insert(Session).values(
                    id=one, company_id=company_id, started_at=NOON, ended_at=NOON, country=word, analyzer="openai",
                    language=word, sentiment="NEGATIVE", category="ONBOARDING", escalated=True, forwarded_hr=True,
                    model=f"{word}-model", prompt_version="1", summary=f"{word} in short", analyzed_at=NOON,
                    **({} if one == done else {"outcome": "UNRESOLVED", "missing": "NO_ANSWER"}),
                )
            )  # fmt: skip
            message = {
                "session_id": one,
                "position": 1,
                "role": "User",
                "content": f"{word} asks about leave",
                "sent_at": NOON,
            }
            connection.execute(insert(Message).values(message))
        index_messages(connection, [*ids, done])
        index_summaries(connection, [*ids, done])
        question = insert(Question).values(
            company_id=company_id, content=f"{word}?", normal_form=word, language="en", sessions=0
        )
        question_id = connection.scalar(question.returning(Question.id))
        with counted_questions(connection, ids[:1]):
            connection.execute(
                insert(SessionQuestion).values(
                    session_id=ids[0], position=1, question_id=question_id, raw_text=f"{word}?"
                )
            )
        named = {"name": f"{word} topic", "named_by": "person"}
        topic = insert(Topic).values(company_id=company_id, central_id=question_id, sessions=1, unresolved=1, **named)
        topic_id = connection.scalar(topic.returning(Topic.id))
        connection.execute(
            insert(TopicMember).values(
                question_id=question_id, company_id=company_id, topic_id=topic_id, placed_by="person"
            )
        )
        connection.execute(
            insert(TopicDayCount).values(topic_id=topic_id, day=NOON.date(), sessions=1, unresolved=1, handed_over=0)
        )
        connection.execute(
            insert(Alert).values(
                key=word, rule="source", company_id=company_id, level=1, message=f"{word} is away",
                advice=f"ask {word}",
                page="", command=f"livedash company show {word}", since=now, first_seen_at=now,
            )
        )  # fmt: skip
        connection.execute(
            insert(AiProcessingRequest).values(
                session_id=ids[0], company_id=company_id, prompt_version="1", model_requested=f"{word}-model",
                outcome="rejected", error_message=f"{word} refused",
            )
        )  # fmt: skip
        numbers = {column.name for column in AiCostDaily.__table__.c if not column.primary_key}
        day = {"day": now.date(), "company_id": company_id, "model": f"{word}-model", "mode": "realtime"}
        costs = day | dict.fromkeys(numbers, 7) | {"outcome": "answered"}
        connection.execute(insert(AiCostDaily), [costs, costs | {"day": NOON.date()}])
        connection.execute(
            insert(ImportRejection).values(
                company_id=company_id, line_number=3, raw_text=f"{word};x", digest=word, reason=f"{word} is short"
            )
        )
        connection.execute(
            insert(CompanyCsv).values(
                company_id=company_id, url=f"https://{word}.example/chats.csv", lines=4, rows=3, rejected_lines=1,
                reading={"notes": [f"{word} has no header"]},
            )
        )  # fmt: skip
        connection.execute(
            insert(ModelServer).values(
                server=f"{word}.example", model=f"{word}-model", response_format="none", reply_limit="none",
                instructions_role="user",
            )
        )  # fmt: skip
        manager = ProcessingStatusManager(connection, max_attempts=1)
        manager.initialize_sessions(dict.fromkeys(ids, company_id), completed_stages=1)
        manager.initialize_sessions({done: company_id}, completed_stages=len(BUILT_IN.names))
        claim = manager.claim(FETCH, 4, Scope(company_ids=(company_id,)), dag_run="livedash_transcript_fetch/run 1")
        failed = [
            Failure(ids[0], "permanent", f"{word} is gone"),
            Failure(ids[1], "permanent", f"{word} is gone"),
        ]
        manager.fail(FETCH, claim.token, failed)
        open_incident(connection, FETCH, company_id, f"{word} does not answer")
    with records.engine.connect() as connection:
        (group,) = list_failure_groups(connection, [company_id])
    return Planted(
        company_id,
        name,
        {
            "company": [name, str(company_id)],
            "dag": ["livedash_transcript_fetch"],
            "run_id": ["run 1"],
            "session_id": [str(one) for one in (*ids, done)],
            "session": [str(ids[0])],
            "id": [str(ids[1]), f"{word}-1"],
            "question": [str(question_id)],
            "topic": [str(topic_id)],
            "topic_id": [str(topic_id)],
            "language": [word],
            "stage": list(BUILT_IN.names),
            "state": ["failed", "ready", "waiting", "completed", "in-progress"],
            "kind": [group.error_kind],
            "group": [group.error_group],
            "from": [(NOON - timedelta(days=1)).date().isoformat()],
            "to": [(NOON + timedelta(days=1)).date().isoformat()],
            "escalated": ["yes"],
            "forwarded_hr": ["yes"],
            "category": ["ONBOARDING"],
            "sentiment": ["NEGATIVE"],
            "q": [f"{word} asks", "leave"],
            "outcome": ["UNRESOLVED", "NONE"],
            "missing": ["NO_ANSWER"],
            "hour": [f"{NOON.isoweekday()}-{NOON.hour}"],
            "by": ["company", "model"],
            "sort": ["oldest"],
            "preset": ["month"],
        },
    )


def routes(engine: Engine) -> list[APIRoute]:
    found = [route for route in make_app(lambda: engine).routes if route.path not in STATIC]
    assert all(isinstance(route, APIRoute) for route in found)
    return found


def addresses(route: APIRoute, values: dict[str, list[str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """Addresses of a route with values of a company: each parameter for itself, beside those that the route needs."""
    flat = get_flat_dependant(route.dependant)
    path = route.path.removeprefix("/")
    for parameter in flat.path_params:
        assert parameter.alias in values, f"{route.path}: plant a value for {parameter.alias}, or list it as STATIC"
        path = path.replace(f"{{{parameter.alias}}}", values[parameter.alias][0])
    needed = {}
    for parameter in flat.query_params:
        if parameter.field_info.is_required():
            assert parameter.alias in values, f"{route.path}: plant a value for {parameter.alias}"
            needed[parameter.alias] = FETCH if parameter.alias == "stage" else values[parameter.alias][0]
    # A filter by failures needs all three.
    failures = {name: values[name][0] for name in ("kind", "group")} | {"stage": FETCH, "state": "failed"}
    accepted = {parameter.alias for parameter in flat.query_params}
    yield path, needed
    if accepted >= failures.keys():
        yield path, failures
    for name in sorted(accepted - {"kind", "group"}):
        for value in values.get(name, []):
            yield path, {**needed, name: value}


def words(answer: Response) -> str:
    return (answer.text + answer.headers.get("location", "")).lower()


def visitor_of(*resources: str) -> Callable[[], Visitor]:
    def granted(wanted: Collection[str]) -> Collection[str]:
        return set(wanted) & set(resources)

    return lambda: Visitor("bob", granted)


@pytest.fixture
def acme(records: Records) -> Planted:
    return plant(records, "Acme", "walnut")


@pytest.fixture
def of_acme(visit: Visit, engine: Engine, acme: Planted) -> TestClient:
    """The pages as a user sees them to whom Acme is granted, and nothing else."""
    return visit(make_app(lambda: engine, visitor=visitor_of(company_resource(acme.id, "Acme"))))


def answers(client: TestClient, engine: Engine, values: dict[str, list[str]]) -> dict[str, tuple[int, str]]:
    found = {}
    for route in routes(engine):
        for path, query in addresses(route, values):
            answer = client.get(path, params=query)
            found[f"{path} {query}"] = (answer.status_code, words(answer))
    return found


def test_another_company_changes_nothing_that_a_visitor_sees(
    of_acme: TestClient, engine: Engine, records: Records, acme: Planted
) -> None:
    before = answers(of_acme, engine, acme.values)
    plant(records, "Umbrella", "quokka")
    after = answers(of_acme, engine, acme.values)

    assert {status for status, _ in before.values()} <= {200, 303}
    for address, answer in before.items():
        assert after[address] == answer, address


def test_no_route_shows_a_word_of_another_company(
    visit: Visit, of_acme: TestClient, engine: Engine, records: Records
) -> None:
    umbrella = plant(records, "Umbrella", "quokka")
    reader_of_all = visit(make_app(lambda: engine))
    marks = ("quokka", "umbrella", str(umbrella.id), *umbrella.values["session_id"])

    for route in routes(engine):
        seen_by_all = False
        for path, query in addresses(route, umbrella.values):
            where = f"{path} {query}"
            full = words(reader_of_all.get(path, params=query))
            seen_by_all |= any(mark in full for mark in marks)
            answer = of_acme.get(path, params=query)
            shown = words(answer)
            # What was asked for may be repeated, as the content of a field.
            for asked in query.values():
                shown = shown.replace(asked.lower(), "")
            asked_for = umbrella.values["session_id"][0] if "session_id" in route.path else ""
            assert [mark for mark in marks if mark != asked_for and mark in shown] == [], where
            if {"company", "session"} & query.keys() or {"session_id", "topic_id"} & set(route.param_convertors):
                assert answer.status_code == 404, where
        assert seen_by_all or route.path in WITHOUT_WORDS, f"{route.path}: nothing of the company can be seen at all"


def test_a_search_reads_the_words_of_granted_companies_only(
    of_acme: TestClient, acme: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matches of another company would use up the limit of a search."""
    searched: list[object] = []

    def find(connection: Connection, words: str, company_ids: object) -> full_text.Found:
        searched.append(company_ids)
        return full_text.Found([])

    monkeypatch.setattr(sessions, "find", find)
    of_acme.get("sessions", params={"q": "leave"})

    assert searched == [(acme.id,)]


def test_a_failure_group_of_another_company_has_no_sessions_to_retry_and_no_forecast(
    of_acme: TestClient, engine: Engine, records: Records
) -> None:
    umbrella = plant(records, "Umbrella", "quokka")
    group = {"stage": FETCH, "kind": umbrella.values["kind"][0], "group": umbrella.values["group"][0]}

    assert of_acme.get("failures/sessions", params=group).json() == {"session_ids": [], "more": False}
    forecast = of_acme.get("forecast", params={"session": umbrella.values["session"][0]})
    unknown = of_acme.get("forecast", params={"session": str(UUID(int=7))})
    assert (forecast.status_code, unknown.status_code) == (404, 404)
    assert forecast.text.replace(umbrella.values["session"][0], "") == unknown.text.replace(str(UUID(int=7)), "")


@pytest.mark.parametrize("address", ["", "failures", "sessions", "costs", "insights", "sessions/export.csv"])
def test_a_visitor_without_any_company_is_refused(visit: Visit, engine: Engine, acme: Planted, address: str) -> None:
    answer = visit(make_app(lambda: engine, visitor=visitor_of())).get(address)

    assert answer.status_code == 403
    assert "no company is granted to bob" in answer.text.lower()
    assert "walnut" not in answer.text


def test_a_visitor_with_all_companies_sees_a_company_that_was_added_later(
    visit: Visit, engine: Engine, records: Records, acme: Planted
) -> None:
    page = visit(make_app(lambda: engine, visitor=lambda: Visitor("eve", lambda wanted: wanted)))
    assert "Umbrella" not in page.get("").text

    plant(records, "Umbrella", "quokka")

    assert "Umbrella" in page.get("").text
    assert "quokka-1" in page.get("sessions/export.csv").text


def test_a_restricted_visitor_starts_runs_of_one_company_only(of_acme: TestClient, acme: Planted) -> None:
    """A run without a company processes all companies."""
    assert "Run now" not in of_acme.get("").text
    assert 'data-kind="run"' in of_acme.get("", params={"company": "Acme"}).text


def test_resources_of_similar_names_differ_and_a_new_company_does_not_inherit_one() -> None:
    first, again = UUID(int=0xABCDEF12), UUID(int=0x12345678)

    assert company_resource(first, "Acmé & Söhne GmbH") == "livedash_company_acme_sohne_gmbh_abcdef12"
    assert company_resource(first, "Acme") != company_resource(again, "Acme")
    assert company_resource(first, "株式会社") == "livedash_company_abcdef12"
    assert company_resource(first, "all") != ALL_COMPANIES
    assert len(company_resource(first, "x" * 5000)) < 200


def test_companies_are_asked_for_once_per_page(visit: Visit, engine: Engine, acme: Planted) -> None:
    asked: list[list[str]] = []

    def granted(wanted: Collection[str]) -> Collection[str]:
        asked.append(sorted(wanted))
        return wanted

    page = visit(make_app(lambda: engine, visitor=lambda: Visitor("eve", granted), may_run=may_run_none))
    page.get("failures")

    with engine.connect() as connection:
        company = connection.execute(select(Company.id, Company.name)).one()
    assert asked == [[company_resource(*company)]]
