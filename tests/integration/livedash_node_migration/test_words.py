"""Migrated messages are indexed in the language of their conversation, as SESSION_CREATION does, not in six ways."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from tests.integration.livedash_node_migration.conftest import Migrate, NewNode

DUTCH = "Hoeveel vakantiedagen heb ik nog, en wat kan ik met mijn dagen doen die van het jaar ervoor zijn?"
GERMAN = "Wie viele Urlaubstage habe ich noch, und kann ich die Tage auch für das Jahr danach nehmen?"
UNCERTAIN = "Verloven 2025"
#: As many as the language is found in, and more.
LONG = [GERMAN] * 50 + [DUTCH] * 200


@pytest.mark.parametrize(
    ("language", "messages", "configurations"),
    [
        (None, [DUTCH], ["dutch"]),
        (None, [GERMAN, GERMAN], ["german"]),
        (None, LONG, ["german"]),
        (None, [UNCERTAIN], ["simple", "dutch", "german", "english", "french", "spanish"]),
        (None, ["", "  "], ["simple"]),
        ("en", [DUTCH], ["english"]),
        ("fi", [DUTCH], ["simple"]),
    ],
)
def test_messages_are_stored_in_the_language_of_the_conversation(
    new_node: NewNode,
    migrate: Migrate,
    engine: Engine,
    language: str | None,
    messages: list[str],
    configurations: list[str],
) -> None:
    node = new_node()
    company = node.add("Company")
    session = node.session(company, messages=0, language=language)
    for order, content in enumerate(messages):
        node.add("Message", sessionId=session, order=order, content=content)
    node.session(company, messages=0)
    assert migrate(node).is_sound

    ways = " || ".join(f"to_tsvector('{name}', :said)" for name in configurations)
    expected = f"array_to_tsvector(ARRAY['company:' || CAST(:company AS text)]) || {ways}"
    with engine.connect() as connection:
        stored = connection.execute(
            text(
                f"SELECT CAST(session_id AS text), CAST(document AS text), CAST({expected} AS text) "
                "FROM livedash.session_search WHERE part = 'messages'"
            ),
            {"said": " ".join(messages), "company": company},
        ).one()
    assert stored == (session, stored[2], stored[2])
