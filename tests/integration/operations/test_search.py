"""The full-text search finds words of messages and summaries in five languages, and takes any text as a query."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert, text, update

from livedash_core import full_text
from livedash_core.errors import UsageError
from livedash_core.full_text import find, index_messages, index_summaries
from livedash_core.models import Message, Session
from livedash_core.operations.session_filter import SessionFilter
from livedash_core.operations.session_list import all_sessions, count_sessions, list_sessions
from livedash_core.operations.session_lookup import find_by_id
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Scope
from tests.integration.records import NOON, Records

Say = Callable[..., UUID]


@pytest.fixture
def say(records: Records, company_id: UUID, engine: Engine) -> Say:
    """Write a session with messages and a summary, as the stages write it."""

    def write(*messages: str, language: str | None = "en", summary: str | None = None, **columns: object) -> UUID:
        whose = columns.pop("company_id", company_id)
        (session_id,) = records.sessions(whose, 1, completed_stages=5)  # type: ignore[arg-type]
        row = {"id": session_id, "company_id": whose, "started_at": NOON, "ended_at": NOON, "analyzed_at": NOON}
        with engine.begin() as connection:
            connection.execute(insert(Session).values(**row, language=language, summary=summary, **columns))
            said = [
                {"session_id": session_id, "position": position, "role": "User", "content": message, "sent_at": NOON}
                for position, message in enumerate(messages, 1)
            ]
            if said:
                connection.execute(insert(Message), said)
            index_messages(connection, [session_id])
            index_summaries(connection, [session_id])
        return session_id

    return write


def found(connection: Connection, words: str, company_ids: list[UUID] | None = None) -> set[UUID]:
    ids = find(connection, words, company_ids).session_ids
    assert ids is not None
    assert len(ids) == len(set(ids))
    return set(ids)


@pytest.mark.parametrize(
    ("language", "said", "words"),
    [
        ("nl", "Hoeveel verlofdagen heb ik nog?", ["verlofdagen", "VERLOFDAG", "hoeveel"]),
        ("de", "Ich möchte meine Verträge sehen", ["vertrag", "Verträge", "möchten"]),
        ("en", "My payslips were wrong", ["payslip", "payslips", '"payslips were"']),
        ("fr", "Où sont mes congés payés ?", ["congé", "congés payés"]),
        ("es", "¿Dónde están mis nóminas?", ["nómina", "nóminas"]),
        (None, "Hoeveel verlofdagen en welche Verträge?", ["verlofdag", "Vertrag"]),
        ("tr", "Maaş bordrosu nerede", ["bordrosu"]),
    ],
)
def test_words_are_found_in_other_forms(
    say: Say, connection: Connection, language: str | None, said: str, words: list[str]
) -> None:
    session_id = say(said, language=language)
    say("something else altogether")
    for query in words:
        assert found(connection, query) == {session_id}, query
    assert found(connection, f"{words[0]} -{words[0]}") == set()


def test_the_language_of_a_session_that_does_not_tell_it_is_found_out(say: Say, connection: Connection) -> None:
    message = "Hoe vraag ik mijn verlofdagen aan? Dat kan met het formulier; je hebt nog zes dagen van dit jaar."
    session_id = say(message, language=None)
    index_messages(connection, [session_id], {session_id: [message]})
    words = connection.scalar(text("SELECT tsvector_to_array(document) FROM livedash.session_search"))
    assert "formulier" in words
    assert "het" not in words  # in Dutch it is left out, in the other five languages it is kept
    for query in ("verlofdag", "verlofdagen", "dag"):
        assert found(connection, query) == {session_id}, query


def test_words_are_searched_in_every_message_and_in_the_summary_of_the_chosen_companies(
    say: Say, records: Records, company_id: UUID, connection: Connection
) -> None:
    both = say("hello", "where is the canteen", summary="Asked for the canteen.")
    only_said = say("the canteen", language="nl")
    summarised = say("hoi", language="nl", summary="Wanted to know when the canteen opens.")
    other_company = records.company("Umbrella")
    other = say("canteen", company_id=other_company)

    assert found(connection, "canteen") == {both, only_said, summarised, other}
    assert found(connection, "canteens", [company_id]) == {both, only_said, summarised}
    assert found(connection, "canteen hello") == {both}
    assert found(connection, "canteen or hoi", [company_id, other_company]) == {both, only_said, summarised, other}
    assert found(connection, "canteen", []) == set()
    assert found(connection, f"company:{company_id}") == set()
    assert found(connection, "canteen -hello", [other_company]) == {other}


def test_a_list_is_filtered_by_words_and_everything_else(
    say: Say, company_id: UUID, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [say(f"leave {number}", outcome="RESOLVED" if number % 2 else None) for number in range(7)]
    say("something else")
    monkeypatch.setattr("livedash_core.full_text.MAX_MATCHES", 100)
    for most in (100, 3):  # more matches than that are not listed first
        monkeypatch.setattr(full_text, "MAX_MATCHES", most)
        matches = find(connection, "leave", None).session_ids
        assert (matches is None) == (most == 3)
        chosen = tuple(matches) if matches is not None else None
        for columns, wanted in (
            ({}, ids),
            ({"outcome": "RESOLVED"}, ids[1::2]),
            ({"without_outcome": True}, ids[::2]),
            ({"state": "completed"}, ids),
            ({"state": "failed"}, []),
            ({"hour": (1, 12)}, ids),
            ({"hour": (1, 13)}, []),
        ):
            asked = SessionFilter(Scope(company_ids=(company_id,)), words="leave", matches=chosen, **columns)  # type: ignore[arg-type]
            listed = [session.id for session in all_sessions(connection, asked, BUILT_IN, limit=100)]
            assert listed == sorted(wanted, reverse=True), (most, columns)
            assert count_sessions(connection, asked, BUILT_IN) == (None if chosen is None else (len(wanted), True))
            page = list_sessions(connection, asked, BUILT_IN, size=2)
            assert [session.id for session in page.sessions] == sorted(wanted, reverse=True)[:2]


@pytest.mark.parametrize(
    ("words", "query"),
    [("hr", "'hr'"), ("hr bot", "'hr' & 'bot'"), ("hr or bot", "'hr' | 'bot'"), ("hr -bot", "'hr' & !'bot'"),
     ("verlofdagen", "'verlofdag' | 'verlofdagen'"), ("the", "'the'"), ('"hr bot"', "'hr' <-> 'bot'")],
)  # fmt: skip
def test_a_query_has_each_way_of_reading_it_once(connection: Connection, words: str, query: str) -> None:
    assert connection.scalar(text(f"SELECT CAST({full_text.QUERY} AS text)"), {"words": words}) == query


def test_what_is_written_again_is_searched_again(say: Say, engine: Engine, connection: Connection) -> None:
    session_id = say("the old words", summary="An old summary.")
    with engine.begin() as writing:
        writing.execute(update(Message).values(content="new words"))
        writing.execute(update(Session).values(summary=None))
        index_messages(writing, [session_id])
        index_summaries(writing, [session_id])
    assert found(connection, "new") == {session_id}
    assert found(connection, "old") == set()
    with engine.begin() as writing:
        writing.execute(text("DELETE FROM livedash.message"))
        index_messages(writing, [session_id])
        assert writing.scalar(text("SELECT count(*) FROM livedash.session_search")) == 0


@pytest.mark.parametrize("words", ["", " ", "-leave", "!!!", "&|!()", "'", '"', "\\", "- - -", ":*"])
def test_a_query_without_a_word_is_refused(connection: Connection, words: str) -> None:
    with pytest.raises(UsageError, match="name a word"):
        find(connection, words, None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_a_query_or_is_refused(connection: Connection, words: str) -> None:
    with suppress(UsageError):
        assert find(connection, words, None).session_ids is not None


@pytest.mark.parametrize("piece", ["a-", "x" * 3000 + " ", "a.b/", "\U0001d518 ", "<a href='", "é", "@", "1."])
def test_a_hostile_conversation_is_indexed(say: Say, connection: Connection, piece: str) -> None:
    session_id = say(*[piece * (50_000 // len(piece))] * 3, "and a word", language=None)
    other = say("and a word")
    assert other in found(connection, "word")
    assert found(connection, "word") - {other} <= {session_id}


def test_an_id_is_found_by_its_beginning_if_no_id_is_the_same(
    records: Records, company_id: UUID, engine: Engine, connection: Connection
) -> None:
    first, second = records.sessions(company_id, 2)
    with engine.begin() as writing:
        for session_id, external in ((first, "S-1"), (second, "S-10%")):
            changed = text("UPDATE livedash.session_import SET external_session_id = :external WHERE id = :id")
            writing.execute(changed, {"id": session_id, "external": external})

    def ids(wanted: str) -> set[UUID]:
        return {session.id for session in find_by_id(connection, wanted, [company_id])}

    assert ids("S-1") == {first}
    assert ids("S-10") == {second}
    assert ids("S-") == {first, second}
    assert ids("S-10%") == {second}
    assert ids("%") == ids("_") == ids("s-") == ids("S-2") == set()
    assert ids(str(second)[:23]) >= {second}
    assert ids(str(second).upper()) == {second}
    assert ids(first.hex[:4]) >= {first}
    assert ids("zzzz") == set()
