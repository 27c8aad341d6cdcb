"""COPY stores any text unchanged."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from livedash_core.bulk_insert import copy_into

VALUES = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.text("\\Nnrt.\t\r\n")

BINARY = ("text", "text")


@pytest.mark.parametrize("types", [None, BINARY])
@given(st.lists(st.tuples(VALUES, VALUES), max_size=20))
@example([("\\N", None), ("\\.", ""), ("", "\\"), ("\ta\r\n", "\\n"), ("x" * 70_000, "é")])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_stored_as_it_is(
    connection: Connection, types: tuple[str, str] | None, rows: list[tuple[str | None, str | None]]
):
    connection.execute(text("CREATE TEMPORARY TABLE any_text (position serial, a text, b text)"))

    copy_into(connection, "any_text", ("a", "b"), rows, types)

    assert [tuple(row) for row in connection.execute(text("SELECT a, b FROM any_text ORDER BY position"))] == rows
    connection.execute(text("DROP TABLE any_text"))


def test_a_nul_is_a_database_error_in_the_binary_format_too(connection: Connection):
    connection.execute(text("CREATE TEMPORARY TABLE any_text (a text, b text)"))

    with pytest.raises(DBAPIError, match="0x00"):
        copy_into(connection, "any_text", ("a", "b"), [("a\0b", None)], BINARY)
