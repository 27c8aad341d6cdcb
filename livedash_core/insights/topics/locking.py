"""Locks on topics and questions, for code that must see what others stored while it waited.

A statement sees the database as it was when the statement began. Even if it waits, it sees only the rows it waited for
as they are now. So the lock is a statement of its own, and the statements after it see everything.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVarTuple
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Result, Select, any_, literal, select

from livedash_core.models import Question, Topic

Columns = TypeVarTuple("Columns")

#: SQL about a row of ``question``: whether its words are still there. An erased one has this normal form.
NOT_ERASED = ~Question.normal_form.startswith("#")


def lock_topics(
    connection: Connection, which: ColumnElement[bool], *, new_members_wait: bool = False
) -> Result[int, UUID]:
    """Lock topics until the transaction ends, in the order of their ids; returns the ids and their companies.

    Transactions that add members to a topic wait for the lock only with ``new_members_wait``.
    """
    query = select(Topic.id, Topic.company_id).where(which).order_by(Topic.id)
    return connection.execute(query.with_for_update(key_share=not new_members_wait))


def locked_questions(query: Select[*Columns]) -> Select[*Columns]:
    """Restrict a query of questions to those that are not erased, and lock these, in the order of their ids.

    No erasure changes them until the transaction ends. What is made of their words must be stored in the same
    transaction, so that a later erasure finds it. An erasure changes the normal form, which is part of a key, so the
    weakest lock is enough.
    """
    return query.where(NOT_ERASED).order_by(Question.id).with_for_update(read=True, key_share=True)


def lock_questions(connection: Connection, question_ids: Collection[int]) -> set[int]:
    """Lock questions whose words were read without a lock; returns those that are not erased meanwhile."""
    these = Question.id == any_(literal(list(question_ids), ARRAY(BigInteger)))
    return set(connection.scalars(locked_questions(select(Question.id).where(these))))
