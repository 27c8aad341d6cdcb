"""What people change about topics: each change can be undone, every count stays right, and no pass overrules it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from livedash_core.errors import UsageError
from livedash_core.insights.topics import curation, merging
from livedash_core.insights.topics.requests import apply_request
from tests.integration.insights.topics.questions import Desk, needs_encoder
from tests.integration.records import Records

QUESTIONS = [
    ("en", "Where can I find my payslip?"),
    ("nl", "Waar vind ik mijn loonstrook?"),
    ("en", "When is payday?"),
    ("en", "When will my salary be raised?"),
    ("en", "How do I call in sick?"),
    ("nl", "Hoe meld ik me ziek?"),
    ("en", "Where do I park my bicycle?"),
    ("en", "And the pension?"),
]
OUTCOMES = ("RESOLVED", "UNRESOLVED", "HANDED_OVER")
PAYSLIP, RAISE, SICK = QUESTIONS[0][1], QUESTIONS[3][1], QUESTIONS[4][1]


@pytest.fixture
def desk(records: Records) -> Desk:
    desk = Desk(records)
    for number, question in enumerate(QUESTIONS, start=1):
        desk.ask(question, sessions=number % 3 + 1, outcome=OUTCOMES[number % 3])
    # Two topics in one session: merging them makes the session count once.
    desk.ask(QUESTIONS[0], QUESTIONS[3], outcome="UNRESOLVED")
    desk.group()
    return desk


def state(desk: Desk) -> list[Any]:
    """What edits change and passes count, of topics that have questions: a split leaves an empty one behind."""
    members = desk.query("SELECT question_id, topic_id, placed_by FROM livedash.topic_member ORDER BY question_id")
    topics = desk.query("SELECT id, name, named_by, pinned, hidden, central_id FROM livedash.topic ORDER BY id")
    pairs = desk.query(
        "SELECT first_id, second_id, verdict, decided_by, held FROM livedash.question_pair ORDER BY 1, 2"
    )
    used = {row.topic_id for row in members}
    of_topics = [tuple(row) for row in (*topics, *desk.counts()) if row[0] in used]
    return [*map(tuple, (*members, *pairs)), *of_topics]


def change(desk: Desk, function: Any, *arguments: Any, **options: Any) -> int:
    with desk.engine.begin() as connection:
        edit: int = function(connection, *arguments, by="Anna", **options)
    return edit


def undo(desk: Desk, edit: int) -> None:
    change(desk, curation.undo, edit)


def random_edit(connection: Connection, chance: random.Random, company_id: object) -> int:
    """One edit of a random kind about random topics and questions. Raises ``UsageError`` if it is impossible."""
    topics = list(connection.scalars(text("SELECT id FROM livedash.topic ORDER BY id")))
    questions = list(connection.scalars(text("SELECT question_id FROM livedash.topic_member ORDER BY 1")))
    pairs = connection.execute(text("SELECT first_id, second_id FROM livedash.question_pair ORDER BY 1, 2")).all()
    topic, other = chance.choice(topics), chance.choice(topics)
    verb = chance.choice(("rename", "merge", "split", "move", "pin", "unpin", "hide", "unhide", "accept", "reject"))
    request: dict[str, Any] = {"verb": verb, "topic": topic}
    if verb == "rename":
        request["name"] = f"Name {chance.randrange(5)}"
    elif verb == "merge":
        request["into"] = other
    elif verb == "move":
        request["question"] = chance.choice(questions)
    elif verb == "split":
        members = text("SELECT question_id FROM livedash.topic_member WHERE topic_id = :topic ORDER BY 1")
        of_topic = list(connection.scalars(members, {"topic": topic}))
        request["questions"] = of_topic[: chance.randint(1, max(1, len(of_topic)))]
    elif verb in ("accept", "reject"):
        if not pairs:
            raise UsageError("no pair")
        first, second = chance.choice(pairs)
        request = {"verb": verb, "first": first, "second": second}
    return apply_request(connection, request, by="Hypothesis")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_undoing_ten_random_edits_restores_every_count(desk: Desk, seed: int) -> None:
    chance, before, edits = random.Random(seed), state(desk), []
    for _ in range(200):
        try:
            with desk.engine.begin() as connection:
                edits.append(random_edit(connection, chance, desk.company_id))
        except UsageError:
            continue
        if len(edits) == 10:
            break
    assert len(edits) == 10
    desk.assert_counts_equal_a_recount()

    for edit in reversed(edits):
        undo(desk, edit)

    assert state(desk) == before
    desk.assert_counts_equal_a_recount()


def test_a_merge_moves_all_questions_and_counts_each_session_once(desk: Desk) -> None:
    payslip, raised = desk.topic_of(PAYSLIP), desk.topic_of(RAISE)
    before = {row[0]: row[1] for row in desk.query("SELECT id, sessions FROM livedash.topic")}
    edit = change(desk, curation.merge, raised, payslip)

    after = {row[0]: row[1] for row in desk.query("SELECT id, sessions FROM livedash.topic")}
    assert after[payslip] == before[payslip] + before[raised] - 1
    assert after[raised] == 0
    assert desk.topic_of(RAISE) == payslip
    undo(desk, edit)
    assert {row[0]: row[1] for row in desk.query("SELECT id, sessions FROM livedash.topic")} == before


def test_a_split_makes_a_topic_and_gives_the_old_one_another_central_question(desk: Desk) -> None:
    topic = desk.topic_of(SICK)
    edit = change(desk, curation.split, topic, [desk.question_id(SICK)], name="Sick (English)")

    new = desk.topic_of(SICK)
    rows = {row.id: row for row in desk.query("SELECT * FROM livedash.topic")}
    assert (rows[new].name, rows[new].central_id) == ("Sick (English)", desk.question_id(SICK))
    assert rows[topic].central_id == desk.question_id("Hoe meld ik me ziek?")
    undo(desk, edit)
    assert desk.topic_of(SICK) == topic


def test_a_follow_up_can_be_moved_into_a_topic_and_back(desk: Desk) -> None:
    follow_up = desk.question_id("And the pension?")
    edit = change(desk, curation.move, follow_up, desk.topic_of(RAISE))
    assert desk.topic_of("And the pension?") == desk.topic_of(RAISE)
    undo(desk, edit)
    assert desk.query("SELECT topic_id FROM livedash.topic_member WHERE question_id = :id", id=follow_up) == [(None,)]


def test_no_pass_overrules_a_person(desk: Desk) -> None:
    payslip, sick = desk.topic_of(PAYSLIP), desk.topic_of(SICK)
    change(desk, curation.rename, payslip, "Wages")
    change(desk, curation.mark, payslip, pinned=True)
    change(desk, curation.mark, sick, hidden=True)
    change(desk, curation.move, desk.question_id("Waar vind ik mijn loonstrook?"), sick)
    decided = state(desk)
    desk.ask(("de", "Wo finde ich meine Gehaltsabrechnung?"))
    desk.group()

    # The new question is the same question as the first one of its wording.
    assert desk.topic_of("Wo finde ich meine Gehaltsabrechnung?") == payslip
    assert desk.topic_of("Waar vind ik mijn loonstrook?") == sick
    names = desk.query("SELECT name, named_by, pinned FROM livedash.topic WHERE id = :id", id=payslip)
    assert [tuple(row) for row in names] == [("Wages", "person", True)]
    assert len(state(desk)) >= len(decided)
    # A model's verdict about two topics that people have changed waits for a person.
    pair = sorted((desk.question_id(PAYSLIP), desk.question_id(SICK)))
    with desk.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO livedash.question_pair (first_id, second_id, company_id, similarity) "
                "VALUES (:first, :second, :company, .9) ON CONFLICT (first_id, second_id) "
                "DO UPDATE SET verdict = NULL, decided_by = NULL"
            ),
            {"first": pair[0], "second": pair[1], "company": desk.company_id},
        )
        merging.decide(connection, desk.company_id, {(pair[0], pair[1]): True}, model="m", prompt_version="1")
    assert desk.topic_of(PAYSLIP) == payslip
    assert desk.topic_of(SICK) == sick
    held = desk.query("SELECT held FROM livedash.question_pair WHERE held IS NOT NULL")
    assert held == [("people have changed both topics",)]


@needs_encoder
def test_a_proposal_is_accepted_or_rejected_once_and_can_be_undone(desk: Desk) -> None:
    desk.ask(("en", "On what day do we get our pay transferred?"), ("en", "What day is our pay transferred to us?"))
    desk.group()
    first, second = desk.query("SELECT first_id, second_id FROM livedash.question_pair WHERE verdict IS NULL")[0]
    topics = desk.topics()
    rejected = change(desk, curation.decide, first, second, same=False)
    assert desk.topics() == topics
    undo(desk, rejected)
    accepted = change(desk, curation.decide, second, first, same=True)
    assert len(desk.topics()) == len(topics) - 1
    undo(desk, accepted)
    assert desk.topics() == topics
    desk.assert_counts_equal_a_recount()


def test_an_earlier_change_cannot_be_undone_before_a_later_one_of_the_same(desk: Desk) -> None:
    topic = desk.topic_of(SICK)
    first = change(desk, curation.rename, topic, "One")
    second = change(desk, curation.rename, topic, "Two")
    pinned = change(desk, curation.mark, topic, pinned=True)

    with pytest.raises(UsageError, match=f"undo the change {pinned} first|undo the change {second} first"):
        undo(desk, first)
    undo(desk, second)
    undo(desk, first)
    with pytest.raises(UsageError, match="undone already"):
        undo(desk, first)
    (row,) = desk.query("SELECT name, named_by, pinned FROM livedash.topic WHERE id = :id", id=topic)
    assert tuple(row) == (None, None, True)


def test_the_log_says_who_and_when(desk: Desk) -> None:
    edit = change(desk, curation.rename, desk.topic_of(SICK), "One")
    undo(desk, edit)
    (row,) = desk.query("SELECT made_by, undone_by, made_at <= undone_at AS later, verb FROM livedash.topic_edit")
    assert tuple(row) == ("Anna", "Anna", True, "rename")


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"verb": "drop"},
        {"verb": "rename", "topic": 1},
        {"verb": "rename", "topic": "1; DROP TABLE topic", "name": "x"},
        {"verb": "rename", "topic": 2**63, "name": "x"},
        {"verb": "rename", "topic": 999_999, "name": "x"},
        {"verb": "rename", "topic": 1, "name": " \u200b "},
        {"verb": "rename", "topic": 1, "name": "x" * 61},
        {"verb": "rename", "topic": 1, "name": "x" * 100_000},
        {"verb": "merge", "topic": 1, "into": 1},
        {"verb": "merge", "topic": 1, "into": 999_999},
        {"verb": "split", "topic": 1, "questions": []},
        {"verb": "split", "topic": 1, "questions": [999_999]},
        {"verb": "move", "question": 999_999, "topic": 1},
        {"verb": "unpin", "topic": 1},
        {"verb": "accept", "first": 1, "second": 1},
        {"verb": "accept", "first": 1, "second": 999_999},
        {"verb": "undo", "change": 999_999},
        {"verb": "pin", "topic": 1, "extra": 1},
    ],
)
def test_a_change_that_cannot_be_is_one_sentence_and_changes_nothing(desk: Desk, request_: dict[str, Any]) -> None:
    before = state(desk)
    topic = desk.topic_of(PAYSLIP)
    request = {key: topic if value == 1 and key != "extra" else value for key, value in request_.items()}
    with pytest.raises(UsageError) as raised, desk.engine.begin() as connection:
        apply_request(connection, request, by="Anna")

    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) <= 500
    assert state(desk) == before
    assert desk.query("SELECT 1 FROM livedash.topic_edit") == []


def test_topics_of_two_companies_are_never_merged(desk: Desk, records: Records) -> None:
    other = Desk(records, "Other")
    other.ask(QUESTIONS[0])
    other.group()
    with pytest.raises(UsageError, match="different companies"):
        change(desk, curation.merge, other.topic_of(PAYSLIP), desk.topic_of(PAYSLIP))
    with pytest.raises(UsageError, match="no question"):
        change(desk, curation.move, other.question_id(PAYSLIP), desk.topic_of(PAYSLIP))
