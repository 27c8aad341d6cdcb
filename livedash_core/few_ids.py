"""Read ids of sessions only if they are few: thousands of ids take longer to read than to find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, TextClause, text


def few_ids(query: str) -> TextClause:
    """Make the statement for ``read_few`` from a query that selects ``session_id``, at most ``:limit`` times.

    It returns one NULL instead if there are ``:limit`` rows.
    """
    return text(
        f"""
        WITH found AS MATERIALIZED ({query}),
        number AS (SELECT count(*) < :limit AS is_small FROM found)
        SELECT session_id FROM found CROSS JOIN number WHERE is_small
        UNION ALL SELECT NULL FROM number WHERE NOT is_small
        """  # noqa: S608 - made of constants
    )


def read_few(
    connection: Connection, statement: TextClause, parameters: Mapping[str, Any], *, most: int
) -> list[UUID] | None:
    """Return the different sessions that the statement finds; None for more than ``most``, or for ``:limit`` rows."""
    rows = connection.scalars(statement, parameters).all()
    ids = list(dict.fromkeys(rows))
    return None if None in ids or len(ids) > most else ids
