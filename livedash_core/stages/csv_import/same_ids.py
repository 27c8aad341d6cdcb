"""Finds staged rows whose id is that of a stored session, written in another way.

Spreadsheets and programs rewrite ids when they save a file: leading zeros are lost (``001``, ``1``), whole numbers
become fractions (``123.0``), an apostrophe marks text (``'001``), and UUIDs change case or get braces. Such a row is
the stored session if it also starts in the same minute and has the same transcript. With another transcript it is
rejected, because a second session beside the stored one would count the same conversation twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.parsing.csv_rows import COLUMNS
from livedash_core.stages.csv_import import sql

#: Characters around an id that are no part of it.
_AROUND = "{}'\" "


class SameIds(NamedTuple):
    """Whether any row's session is not stored; how many rows got the id of their stored session, and how many none.

    ``example`` is one as (written, stored), ``lines`` are the first of those that were rejected.
    """

    has_new: bool = True
    taken: int = 0
    example: tuple[str, str] | None = None
    rejected: int = 0
    lines: Sequence[dict[str, Any]] = ()


def plain_id(external_id: str) -> str:
    """Return what all ways to write an id have in common; ``_PLAIN`` is the same in SQL."""
    return external_id.lower().replace(",", "").removesuffix(".0").strip(_AROUND).lstrip("0")


def _plain(column: str) -> str:
    without_commas = f"replace(lower({column}), ',', '')"
    quoted = _AROUND.replace("'", "''")
    return (
        f"ltrim(btrim(CASE WHEN right({without_commas}, 2) = '.0' THEN left({without_commas}, -2) "
        f"ELSE {without_commas} END, '{quoted}'), '0')"
    )


_HAS_SESSIONS = "SELECT EXISTS (SELECT FROM livedash.session_import WHERE company_id = :company_id)"
#: The tables may have a million rows, and the planner has no statistics of the temporary one.
_NO_LOOPS = "SET LOCAL enable_nestloop = off"
_LOOPS = "SET LOCAL enable_nestloop = on"
#: Nearly every row of a file is already stored under the id that it has there, so only the others are compared.
_FIND_NOT_STORED = f"""
    CREATE TEMPORARY TABLE not_stored ON COMMIT DROP AS
    SELECT staged.line_number, staged.external_session_id, staged.full_transcript_url,
        date_trunc('minute', staged.started_at) AS started_at
    FROM {sql.STAGING} AS staged
    LEFT JOIN livedash.session_import AS itself
        ON itself.company_id = :company_id AND itself.external_session_id = staged.external_session_id
    WHERE staged.reason IS NULL AND itself.id IS NULL
"""  # noqa: S608 - made of constants
_FIND = f"""
    CREATE TEMPORARY TABLE same_id ON COMMIT DROP AS
    SELECT DISTINCT ON (staged.line_number) staged.line_number, staged.external_session_id AS written,
        known.external_session_id AS stored,
        {sql.unsigned("staged.full_transcript_url")} IS NOT DISTINCT FROM {sql.unsigned("known.full_transcript_url")}
            AS is_same
    FROM pg_temp.not_stored AS staged
    JOIN livedash.session_import AS known
        ON {_plain("known.external_session_id")} = {_plain("staged.external_session_id")}
        AND date_trunc('minute', known.started_at) = staged.started_at
        AND known.external_session_id <> staged.external_session_id
    WHERE known.company_id = :company_id
        AND known.started_at >= (SELECT min(started_at) FROM pg_temp.not_stored)
        AND known.started_at < (SELECT max(started_at) + interval '1 minute' FROM pg_temp.not_stored)
    ORDER BY staged.line_number, is_same DESC, stored
"""  # noqa: S608 - made of constants
_TAKE_STORED_ID = f"""
    UPDATE {sql.STAGING} AS staged SET external_session_id = same_id.stored
    FROM pg_temp.same_id WHERE same_id.is_same AND staged.line_number = same_id.line_number
"""  # noqa: S608 - made of constants
_COUNT = "SELECT count(*) FILTER (WHERE is_same), count(*) FILTER (WHERE NOT is_same) FROM pg_temp.same_id"
_EXAMPLE = "SELECT written, stored FROM pg_temp.same_id WHERE is_same ORDER BY line_number LIMIT 1"
_REJECTED = f"""
    WITH dropped AS (
        DELETE FROM {sql.STAGING} AS staged USING pg_temp.same_id
        WHERE NOT same_id.is_same AND staged.line_number = same_id.line_number
        RETURNING staged.line_number, staged.external_session_id, stored,
            concat_ws(',', {", ".join(f"staged.{column}" for column in COLUMNS)}) AS raw_text
    )
    SELECT line_number, external_session_id, left(raw_text, 10000) AS raw_text,
        'has an {COLUMNS[0]} that is the stored one ' || left(stored, 100) || ' written in another way, and starts in '
        'the same minute, but has another transcript; export ids as text, written as before' AS reason
    FROM dropped ORDER BY line_number LIMIT {sql.MAX_CONTRADICTIONS}
"""  # noqa: S608 - made of constants


def take_stored_ids(connection: Connection, company_id: UUID) -> SameIds:
    """Give the staged rows of ``connection`` the ids of their stored sessions, and remove contradicting rows.

    Also finds out whether any row is a new session.
    """
    company = {"company_id": company_id}
    if not connection.scalar(text(_HAS_SESSIONS), company):
        return SameIds()
    connection.execute(text(_NO_LOOPS))
    not_stored = connection.execute(text(_FIND_NOT_STORED), company).rowcount
    found = connection.execute(text(_FIND), company).rowcount if not_stored else 0
    connection.execute(text(_LOOPS))
    if not found:
        return SameIds(has_new=not_stored != 0)
    taken, rejected = connection.execute(text(_COUNT)).one()
    example, lines = None, []
    if taken:
        example = tuple(connection.execute(text(_EXAMPLE)).one())
        connection.execute(text(_TAKE_STORED_ID))
    if rejected:
        lines = [dict(row._mapping) for row in connection.execute(text(_REJECTED))]
    # Not ">": should a driver report no row count (-1), new sessions must still be inserted.
    return SameIds(not_stored != taken + rejected, taken, example, rejected, lines)


def note_of(found: Iterable[SameIds]) -> list[str]:
    """Return a sentence about rows that got the id of their stored session."""
    examples = [(one.taken, one.example) for one in found if one.example]
    if not examples:
        return []
    written, stored = examples[0][1]
    return [
        f"ids that are written otherwise than before: {sum(taken for taken, _ in examples):,} ({written[:60]!r} for "
        f"{stored[:60]!r}); they are read as those of the stored sessions, which start in the same minute and have the "
        "same transcript; export ids as text"
    ]
