"""A pass, a person and an erasure work on the same topics at the same time, and end as if one had come after the other.

Each test holds one transaction open until another one waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, delete, insert

from livedash_core.insights.topics import curation, encoder, grouping, merging
from livedash_core.insights.topics.counting import refresh_counts
from livedash_core.models import QuestionPair
from livedash_core.operations import erasure
from livedash_core.operations.erasure import erase_session
from livedash_core.pipeline import BUILT_IN
from tests.integration.insights.topics.questions import Desk, TopicModel, needs_encoder
from tests.integration.records import NOON, Records, rows_with
from tests.integration.status.locks import waiting_transaction

SECRET = "Grabowski"
SECRET_QUESTION = f"Why was {SECRET} fired?"
PAYSLIP, RAISE, BICYCLE = (
    "Where can I find my payslip?",
    "When will my salary be raised?",
    "Where do I park my bicycle?",
)
#: Who decided about a pair, the verdict, and why the pair is held for a person.
Verdict = tuple[str, str, str | None]


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
    desk.ask(("en", PAYSLIP), outcome="UNRESOLVED")
    desk.ask(("en", PAYSLIP), ("en", RAISE), sessions=2, started_at=NOON + timedelta(days=1))
    desk.group()
    gone, kept = (desk.topic_of(question) for question in ((PAYSLIP, RAISE) if merged_first else (RAISE, PAYSLIP)))
    with desk.engine.connect() as person:
        curation.merge(person, gone, kept, by="Anna")
        with waiting_transaction(
            desk.engine, lambda connection: refresh_counts(connection, desk.company_id)
        ) as counted:
            person.commit()
        counted.result()

    assert desk.query("SELECT sessions FROM livedash.topic WHERE id = :id", id=kept) == [(3,)]
    desk.assert_counts_equal_a_recount()


class Proposed:
    """Three topics of a question each, and a pair of the first two, about which a model is asked."""

    def __init__(self, desk: Desk) -> None:
        for question in (PAYSLIP, RAISE, BICYCLE):
            desk.ask(("en", question))
        desk.group()
        self.desk = desk
        self.payslip, self.raised, self.bicycle = map(desk.topic_of, (PAYSLIP, RAISE, BICYCLE))
        self.pair = desk.question_id(PAYSLIP), desk.question_id(RAISE)
        with desk.engine.begin() as connection:
            connection.execute(delete(QuestionPair))
            row = {
                "first_id": self.pair[0],
                "second_id": self.pair[1],
                "company_id": desk.company_id,
                "similarity": 0.9,
            }
            connection.execute(insert(QuestionPair).values(row))

    def model_says_same(self, connection: Connection) -> set[int]:
        return merging.decide(connection, self.desk.company_id, {self.pair: True}, model="m", prompt_version="1")

    def verdict(self) -> Verdict:
        (row,) = self.desk.query("SELECT decided_by, verdict, held FROM livedash.question_pair")
        return tuple(row)


def rename_the_second(person: Connection, proposed: Proposed) -> None:
    curation.rename(person, proposed.raised, "Rises", by="Anna")


def pin_the_second(person: Connection, proposed: Proposed) -> None:
    curation.mark(person, proposed.raised, pinned=True, by="Anna")


def rename_both(person: Connection, proposed: Proposed) -> None:
    rename_the_second(person, proposed)
    curation.rename(person, proposed.payslip, "Payslips", by="Anna")


def move_another_into_the_second(person: Connection, proposed: Proposed) -> None:
    curation.move(person, proposed.desk.question_id(BICYCLE), proposed.raised, by="Anna")


def move_the_second(person: Connection, proposed: Proposed) -> None:
    curation.move(person, proposed.pair[1], proposed.bicycle, by="Anna")


def reject(person: Connection, proposed: Proposed) -> None:
    curation.decide(person, *proposed.pair, same=False, by="Anna")


APART = [[PAYSLIP], [RAISE], [BICYCLE]]


@pytest.mark.parametrize(
    ("edit", "topics", "verdict"),
    [
        (rename_the_second, [[PAYSLIP, RAISE], [BICYCLE]], ("model", "same", None)),
        (pin_the_second, [[PAYSLIP, RAISE], [BICYCLE]], ("model", "same", None)),
        (rename_both, APART, ("model", "same", "people have changed both topics")),
        (move_another_into_the_second, [[PAYSLIP, RAISE, BICYCLE]], ("model", "same", None)),
        (
            move_the_second,
            [[PAYSLIP], [RAISE, BICYCLE]],
            ("model", "same", "people have moved one of the questions meanwhile"),
        ),
        (reject, APART, ("person", "different", None)),
    ],
)
def test_a_model_that_waits_for_an_edit_does_not_overrule_it(
    desk: Desk, edit: Callable[[Connection, Proposed], None], topics: list[list[str]], verdict: Verdict
) -> None:
    proposed = Proposed(desk)
    with desk.engine.connect() as person:
        edit(person, proposed)
        with waiting_transaction(desk.engine, proposed.model_says_same) as decided:
            person.commit()
        assert bool(decided.result()) == (verdict == ("model", "same", None))

    assert desk.topics() == topics
    assert proposed.verdict() == verdict
    # The topic that a person changed is the one that remains.
    if verdict == ("model", "same", None):
        assert desk.topic_of(PAYSLIP) == desk.topic_of(RAISE) == proposed.raised


def test_an_unusable_answer_does_not_reopen_a_pair_that_a_person_decides_meanwhile(desk: Desk) -> None:
    proposed = Proposed(desk)
    with desk.engine.connect() as person:
        reject(person, proposed)
        with waiting_transaction(desk.engine, lambda model: merging.hold(model, [proposed.pair], "unusable")) as held:
            person.commit()
        held.result()

    assert proposed.verdict() == ("person", "different", None)


def place(desk: Desk, connection: Connection) -> None:
    grouping.place_new_questions(connection, desk.company_id, 0)


def encode(desk: Desk, connection: Connection) -> None:
    grouping.encode_new_topics(connection, desk.company_id)


def name(desk: Desk, connection: Connection) -> None:
    made_of = merging.unnamed(connection, desk.company_id, 1)
    merging.name_topics(connection, dict.fromkeys(made_of, f"The end of {SECRET}"), made_of)


def made_of_erased_words(desk: Desk) -> Sequence[Any]:
    """Rows of digests, vectors and names that a pass made of words that are erased now, or that repeat these words."""
    return desk.query(
        """
        SELECT wording_digest FROM livedash.topic_member JOIN livedash.question ON question.id = question_id
        WHERE normal_form LIKE '#%' AND wording_digest IS NOT NULL
        UNION ALL SELECT encoder FROM livedash.question_vector JOIN livedash.question ON question.id = question_id
        WHERE normal_form LIKE '#%'
        UNION ALL SELECT name FROM livedash.topic WHERE name LIKE '%' || :secret || '%'
        """,
        secret=SECRET,
    )


#: A part of a pass, and whether the questions are in topics before it.
parts = pytest.mark.parametrize(
    ("part", "grouped"),
    [(place, False), pytest.param(encode, True, marks=needs_encoder), (name, True)],
)


def secret_topic(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, grouped: bool) -> UUID:
    """Ask two wordings of a question, of which the first becomes the central one; returns the session that asked it."""
    (session_id,) = desk.ask(("en", SECRET_QUESTION))
    if grouped:
        desk.ask(("en", f"Hello, why was {SECRET} fired?"))
        with monkeypatch.context() as without:
            without.setattr(encoder, "is_installed", lambda: False)
            desk.group()
    else:
        desk.ask(("en", PAYSLIP))
    return session_id


@parts
def test_a_pass_that_waits_for_an_erasure_stores_nothing_of_what_it_erases(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, part: Callable[[Desk, Connection], None], grouped: bool
) -> None:
    session_id = secret_topic(desk, monkeypatch, grouped=grouped)
    with desk.engine.connect() as other:
        erasing(session_id)(other)
        with waiting_transaction(desk.engine, partial(part, desk)) as stored:
            other.commit()
        stored.result()

    assert made_of_erased_words(desk) == []


@needs_encoder
def test_a_question_that_is_erased_while_it_is_encoded_has_no_vector(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (session_id,) = desk.ask(("en", SECRET_QUESTION))
    desk.ask(("en", PAYSLIP))
    calculate = encoder.encode

    def encode_and_erase(questions: Sequence[str]) -> Iterator[bytes]:
        vectors = calculate(questions)
        if SECRET_QUESTION in questions:
            erase_session(desk.engine, session_id, BUILT_IN)
        return vectors

    monkeypatch.setattr(encoder, "encode", encode_and_erase)
    desk.group()

    assert made_of_erased_words(desk) == []
    encoded = desk.query("SELECT content FROM livedash.question JOIN livedash.question_vector ON question_id = id")
    assert encoded == [(PAYSLIP,)]


def test_a_topic_is_named_again_without_the_question_that_is_erased_meanwhile(desk: Desk) -> None:
    (session_id,) = desk.ask(("en", SECRET_QUESTION))
    for beginning in ("Hello", "Hi"):
        desk.ask(("en", f"{beginning}, {SECRET_QUESTION}"))
    named_of = []

    def name_of(group: list[str]) -> str:
        named_of.append(len(group))
        if len(named_of) == 1:
            erase_session(desk.engine, session_id, BUILT_IN)
        return f"Of {len(group)} questions"

    with TopicModel(lambda _a, _b: False, name_of) as model:
        grouped = desk.group(with_model=True, **model.settings())

    assert named_of == [3, 2]
    assert grouped.named == 1
    assert desk.query("SELECT name FROM livedash.topic") == [("Of 2 questions",)]
