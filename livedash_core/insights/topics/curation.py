"""What people do to topics. Each change is a row of ``topic_edit`` that says what was before, so that it can be undone.

Every function takes an open connection, locks the topics it changes, counts their sessions anew, and returns the id of
its row. No pass overrules a person: it changes neither a name that a person gave nor the topic of a question that a
person placed, and merges no two topics that people have changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, tuple_, update

from livedash_core.enums import TopicVerb
from livedash_core.errors import UnknownTopic, UsageError
from livedash_core.insights.topics.counting import refresh_counts
from livedash_core.insights.topics.locking import lock_topics
from livedash_core.insights.topics.names import MAX_NAME_CHARACTERS, as_name
from livedash_core.models import Base, Question, QuestionPair, Topic, TopicEdit, TopicMember

_MAX_QUESTIONS = 1000
_MAX_WHO = 200
#: Table → its key. Key columns of several parts are joined by "-" in ``changes``.
_KEYS: dict[str, tuple[str, ...]] = {
    "topic": ("id",),
    "topic_member": ("question_id",),
    "question_pair": ("first_id", "second_id"),
}
_MODELS: dict[str, type[Base]] = {"topic": Topic, "topic_member": TopicMember, "question_pair": QuestionPair}


class _Edit:
    """A change in the making: applies updates, and remembers what was before."""

    def __init__(self, connection: Connection, company_id: UUID, verb: TopicVerb, by: str) -> None:
        self.connection, self.company_id, self.verb = connection, company_id, verb
        self.by = as_person(by)
        self.changes: dict[str, dict[str, dict[str, list[Any]]]] = {}

    def set(self, table: str, keys: Iterable[tuple[int, ...]], **columns: Any) -> None:
        """Set columns of these rows. Rows that have the values already are not part of the change."""
        different = []
        for key, before in _rows(self.connection, table, keys, columns).items():
            changed = {name: [before[name], value] for name, value in columns.items() if before[name] != value}
            if changed:
                different.append(key)
                noted = self.changes.setdefault(table, {}).setdefault("-".join(map(str, key)), {})
                for name, (old, new) in changed.items():
                    noted[name] = [noted[name][0] if name in noted else old, new]
        _update(self.connection, table, different, columns)

    def place(self, questions: Sequence[int], topic_id: int) -> None:
        """Put questions into a topic; topics that lose their central question get another."""
        self.set("topic_member", ((question,) for question in questions), topic_id=topic_id, placed_by="person")
        losers = select(Topic.id).where(Topic.central_id.in_(questions), Topic.id != topic_id)
        for loser in self.connection.scalars(losers.order_by(Topic.id)).all():
            if (central := _most_asked(self.connection, loser)) is not None:
                self.set("topic", [(loser,)], central_id=central)
                self.connection.execute(update(Topic).where(Topic.id == loser).values(compared=False))

    def record(self, topic_id: int, other_id: int | None = None) -> int:
        """Write the row of the log, and count. Raises ``UsageError`` if nothing was changed."""
        if not self.changes:
            raise UsageError("nothing to change: the topic is like that already")
        row = {"company_id": self.company_id, "verb": self.verb, "topic_id": topic_id, "other_id": other_id}
        statement = insert(TopicEdit).values(**row, changes=self.changes, made_by=self.by).returning(TopicEdit.id)
        edit_id: int = self.connection.execute(statement).scalar_one()
        refresh_counts(self.connection, self.company_id, _topics_in(self.changes) | {topic_id})
        return edit_id


def rename(connection: Connection, topic_id: int, name: str, *, by: str) -> int:
    """Name a topic. Raises ``UsageError`` for an unknown topic or a name that is empty or too long."""
    edit = _begin(connection, "rename", by, topic_id)
    edit.set("topic", [(topic_id,)], name=_checked_name(name), named_by="person")
    return edit.record(topic_id)


def mark(
    connection: Connection, topic_id: int, *, by: str, pinned: bool | None = None, hidden: bool | None = None
) -> int:
    """Pin a topic to the top of the list or hide it from it, or end that. Give one of the two."""
    if (pinned is None) == (hidden is None):
        raise UsageError("give either pinned or hidden")
    verb: TopicVerb = ("pin" if pinned else "unpin") if pinned is not None else ("hide" if hidden else "unhide")
    edit = _begin(connection, verb, by, topic_id)
    columns: dict[str, Any] = {"hidden": hidden} if pinned is None else {"pinned": pinned}
    edit.set("topic", [(topic_id,)], **columns)
    return edit.record(topic_id)


def merge(connection: Connection, topic_id: int, into_id: int, *, by: str) -> int:
    """Put all questions of a topic into another one of the same company."""
    edit = _begin(connection, "merge", by, into_id, topic_id)
    edit.place(_questions_of(connection, topic_id), into_id)
    return edit.record(into_id, topic_id)


def split(
    connection: Connection, topic_id: int, question_ids: Sequence[int], *, by: str, name: str | None = None
) -> int:
    """Put some questions of a topic into a new one."""
    edit = _begin(connection, "split", by, topic_id)
    questions = sorted(set(question_ids))
    if not questions or len(questions) > _MAX_QUESTIONS:
        raise UsageError(f"a topic is split by 1 to {_MAX_QUESTIONS} of its questions")
    if missing := set(questions) - set(_questions_of(connection, topic_id)):
        raise UsageError(f"the question {min(missing)} does not belong to the topic {topic_id}")
    named = {"name": _checked_name(name), "named_by": "person"} if name is not None else {}
    row = {"company_id": edit.company_id, "central_id": questions[0], **named}
    new_id: int = connection.execute(insert(Topic).values(row).returning(Topic.id)).scalar_one()
    edit.place(questions, new_id)
    central = _most_asked(connection, new_id) or questions[0]
    connection.execute(update(Topic).where(Topic.id == new_id).values(central_id=central))
    return edit.record(topic_id, new_id)


def move(connection: Connection, question_id: int, topic_id: int, *, by: str) -> int:
    """Put a question, also one that was kept out as a follow-up, into another topic of its company."""
    edit = _begin(connection, "move", by, topic_id)
    member = connection.execute(
        select(TopicMember.topic_id).where(
            TopicMember.question_id == question_id, TopicMember.company_id == edit.company_id
        )
    ).first()
    if member is None:
        raise UsageError(f"the company has no question {question_id} that was grouped; see: livedash topics show")
    edit.place([question_id], topic_id)
    return edit.record(topic_id, member.topic_id)


def decide(connection: Connection, first_id: int, second_id: int, *, same: bool, by: str) -> int:
    """Accept or reject a proposed pair of questions: merge their topics, or keep them apart for good."""
    pair = min(first_id, second_id), max(first_id, second_id)
    topics = [
        connection.scalar(select(TopicMember.topic_id).where(TopicMember.question_id == question)) for question in pair
    ]
    if None in topics or not _rows(connection, "question_pair", [pair], ("verdict",)):
        raise UsageError(f"there is no proposal about the questions {pair[0]} and {pair[1]}")
    into, topic = (int(found) for found in topics if found is not None)
    if same and into == topic:
        raise UsageError("both questions are in one topic already")
    edit = _begin(connection, "accept" if same else "reject", by, *dict.fromkeys((into, topic)))
    verdict = {"verdict": "same" if same else "different", "decided_by": "person", "held": None}
    edit.set("question_pair", [pair], **verdict)
    if same:
        edit.place(_questions_of(connection, topic), into)
    return edit.record(into, topic if topic != into else None)


def undo(connection: Connection, edit_id: int, *, by: str) -> int:
    """Restore what was before a change.

    Raises ``UsageError`` if the change is unknown or undone, or if what it changed has been changed again since.
    """
    table = TopicEdit.__table__
    edit = connection.execute(select(table).where(table.c.id == edit_id).with_for_update()).first()
    if edit is None:
        raise UsageError(f"there is no change {edit_id}; see: livedash topics show")
    if edit.undone_at is not None:
        raise UsageError(f"the change {edit_id} is undone already")
    _lock(connection, _topics_in(edit.changes) | {edit.topic_id})
    for name, rows in edit.changes.items():
        changes = {tuple(map(int, key.split("-"))): row for key, row in rows.items()}
        current = _rows(connection, name, changes, {column for row in rows.values() for column in row})
        restored: dict[tuple[tuple[str, Any], ...], list[tuple[int, ...]]] = {}
        for key, row in changes.items():
            if key not in current or any(current[key][column] != after for column, (_, after) in row.items()):
                raise UsageError(_changed_since(connection, edit))
            before = tuple(sorted((column, old) for column, (old, _) in row.items()))
            restored.setdefault(before, []).append(key)
        for before, keys in restored.items():
            _update(connection, name, keys, dict(before))
    connection.execute(
        update(TopicEdit).where(TopicEdit.id == edit_id).values(undone_by=as_person(by), undone_at=func.now())
    )
    refresh_counts(connection, edit.company_id, _topics_in(edit.changes) | {edit.topic_id})
    return edit_id


def as_person(who: str) -> str:
    """Who made a change, as the log shows it. Raises ``UsageError`` if it is empty."""
    name = " ".join("".join(each if each.isprintable() else " " for each in who).split())[:_MAX_WHO]
    if not name:
        raise UsageError("a change needs the name of who makes it")
    return name


def _begin(connection: Connection, verb: TopicVerb, by: str, *topic_ids: int) -> _Edit:
    """Lock the topics. Raises ``UsageError`` if one is unknown, twice among them, or of another company."""
    if len(set(topic_ids)) < len(topic_ids):
        raise UsageError("a topic cannot be merged with itself")
    companies = _lock(connection, topic_ids)
    if unknown := set(topic_ids) - set(companies):
        raise UnknownTopic(min(unknown))
    if len(set(companies.values())) > 1:
        raise UsageError("the topics belong to different companies")
    return _Edit(connection, companies[topic_ids[0]], verb, by)


def _lock(connection: Connection, topic_ids: Collection[int]) -> dict[int, UUID]:
    # A pass may be putting new questions into a topic, which a merge must see.
    locked = lock_topics(connection, Topic.id.in_(topic_ids), new_members_wait=True)
    return {row.id: row.company_id for row in locked}


def _questions_of(connection: Connection, topic_id: int) -> list[int]:
    query = select(TopicMember.question_id).where(TopicMember.topic_id == topic_id).order_by(TopicMember.question_id)
    return list(connection.scalars(query))


def _most_asked(connection: Connection, topic_id: int) -> int | None:
    return connection.scalar(
        select(Question.id)
        .join(TopicMember, TopicMember.question_id == Question.id)
        .where(TopicMember.topic_id == topic_id)
        .order_by(Question.sessions.desc(), Question.id)
        .limit(1)
    )


def _checked_name(name: str) -> str:
    if (checked := as_name(name)) is None:
        raise UsageError(f"a topic's name has 1 to {MAX_NAME_CHARACTERS} printable characters")
    return checked


def _rows(
    connection: Connection, table: str, keys: Iterable[tuple[int, ...]], columns: Iterable[str]
) -> dict[tuple[int, ...], Mapping[str, Any]]:
    """The columns of these rows by their keys, locked."""
    of = _MODELS[table].__table__
    key = [of.c[name] for name in _KEYS[table]]
    wanted = select(*key, *(of.c[name] for name in columns)).where(tuple_(*key).in_(list(keys)))
    rows = connection.execute(wanted.order_by(*key).with_for_update()).all()
    return {tuple(row[: len(key)]): dict(row._mapping) for row in rows}


def _update(connection: Connection, table: str, keys: Sequence[tuple[int, ...]], columns: Mapping[str, Any]) -> None:
    if not keys:
        return
    model = _MODELS[table]
    key = tuple_(*(getattr(model, name) for name in _KEYS[table]))
    connection.execute(update(model).where(key.in_(keys)).values(**columns))


def _topics_in(changes: Mapping[str, Any]) -> set[int]:
    moved = (row["topic_id"] for row in changes.get("topic_member", {}).values() if "topic_id" in row)
    return {topic for pair in moved for topic in pair if topic is not None} | set(map(int, changes.get("topic", ())))


def _changed_since(connection: Connection, edit: Any) -> str:
    topics = sorted(_topics_in(edit.changes) | {edit.topic_id})
    later = connection.scalar(
        select(func.max(TopicEdit.id)).where(
            TopicEdit.id > edit.id,
            TopicEdit.undone_at.is_(None),
            TopicEdit.topic_id.in_(topics) | TopicEdit.other_id.in_(topics),
        )
    )
    first = f"undo the change {later} first" if later else "a pass or an erasure changed it"
    return f"the change {edit.id} cannot be undone, because the same has been changed since: {first}"
