"""Find sessions by their ids, or by the beginning of one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.operations.listed_session import COLUMNS, JOINS, ListedSession, read_listed

#: The most sessions that are found by an id.
MAX_FOUND = 100
#: Fewer hexadecimal digits are the beginning of too many ids.
MIN_ID_DIGITS = 4


def find_by_id(connection: Connection, wanted: str, company_ids: Sequence[UUID]) -> list[ListedSession]:
    """Find sessions by id or external id; several companies may use the same external id.

    If no session has the whole id, those whose id begins with it are found, at most ``MAX_FOUND``.
    """
    wanted = wanted.replace("\x00", "")
    ours = None
    with suppress(ValueError):
        ours = UUID(wanted)
    exactly = "imported.id = :ours OR imported.external_session_id = :wanted"
    parameters = {"ours": ours, "wanted": wanted, "company_ids": list(company_ids)}
    found = _found(connection, exactly, parameters)
    if found or not wanted:
        return found
    # The operators of the index, which compare bytes.
    begins = "imported.external_session_id ~>=~ :wanted AND imported.external_session_id ~<~ :above"
    parameters = {"wanted": wanted, "above": wanted + "\U0010ffff", "company_ids": list(company_ids)}
    digits = wanted.replace("-", "").lower()
    if MIN_ID_DIGITS <= len(digits) < 32 and set(digits) <= set("0123456789abcdef"):
        parameters |= {"lowest": UUID(digits.ljust(32, "0")), "highest": UUID(digits.ljust(32, "f"))}
        begins += " OR imported.id BETWEEN :lowest AND :highest"
    return _found(connection, begins, parameters)


def _found(connection: Connection, condition: str, parameters: dict[str, Any]) -> list[ListedSession]:
    query = f"""
        SELECT {COLUMNS}, '' AS at
        FROM livedash.session_import AS imported {JOINS}
        WHERE imported.company_id = ANY (CAST(:company_ids AS uuid[])) AND ({condition})
        ORDER BY imported.id DESC LIMIT {MAX_FOUND}
    """  # noqa: S608 - made of constants
    return read_listed(connection, connection.execute(text(query), parameters))
