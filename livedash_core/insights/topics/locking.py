"""Locks on topics, for statements that must see what others stored while these locks were waited for.

A statement sees the database as it was when the statement began, also if it waited: of what others stored meanwhile it
reads only the rows that it waited for. So the lock is a statement of its own, and later statements see everything.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Result, select

from livedash_core.models import Topic


def lock_topics(
    connection: Connection, which: ColumnElement[bool], *, new_members_wait: bool = False
) -> Result[tuple[int, UUID]]:
    """Lock topics until the transaction ends, in the order of their ids; returns the ids and their companies.

    The lock is the one of an UPDATE, for which the foreign keys of new members do not wait unless they must.
    """
    query = select(Topic.id, Topic.company_id).where(which).order_by(Topic.id)
    return connection.execute(query.with_for_update(key_share=not new_members_wait))
