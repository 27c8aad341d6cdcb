"""Keeps the alerts: begins, changes and ends them, and records which notifier sent what.

Each fact is one row from its beginning to its end. Sending is at least once: a process that dies between sending and
recording sends the message again at the next evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from livedash_core.alerts.found import Found, company_id
from livedash_core.errors import UsageError
from livedash_core.models import Alert, AlertEvaluation, Company
from livedash_core.status.redaction import redact

#: Ended alerts are kept for so long.
HISTORY = timedelta(days=90)
#: The end of an alert is not sent later than this: a notifier that was down for a week does not report old news.
END_IS_NEWS = timedelta(days=1)
#: A source that fails by turns ends and begins with each import, every 15 minutes. Its end is sent once it has stayed
#: up for so long; if it fails again before, the same alert goes on, and nothing is sent.
STEADY = timedelta(minutes=30)
FLAPPING = ("source", "stopped")
_NEVER = datetime.max.replace(tzinfo=UTC)

Change = Literal["begun", "worse", "ended"]


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert as it is shown and sent; ``company`` is its name."""

    id: int
    rule: str
    company: str | None
    stage: str | None
    level: int
    message: str
    advice: str
    page: str
    command: str
    since: datetime
    first_seen_at: datetime
    ended_at: datetime | None
    notified_at: datetime | None
    snoozed_until: datetime | None
    snoozed_by: str | None
    snooze_reason: str | None
    deliveries: dict[str, Any]

    @property
    def errors(self) -> dict[str, str]:
        """Notifier → the error of its last try, of those that failed."""
        return {name: sent["error"] for name, sent in self.deliveries.items() if sent.get("error")}

    def change_for(self, notifier: str) -> Change | None:
        """What has happened since this notifier last sent the alert; None if there is nothing to send."""
        sent = self.deliveries.get(notifier, {})
        level = int(sent.get("level", 0))
        if self.ended_at is not None:
            return "ended" if level and not sent.get("ended") else None
        if self.snoozed_until is not None or self.level <= level:
            return None
        return "worse" if level else "begun"


_SHOWN = (
    Alert.id,
    Alert.rule,
    Company.name.label("company"),
    *(Alert.stage, Alert.level, Alert.message, Alert.advice, Alert.page, Alert.command),
    *(Alert.since, Alert.first_seen_at, Alert.ended_at, Alert.notified_at),
    *(Alert.snoozed_until, Alert.snoozed_by, Alert.snooze_reason, Alert.deliveries),
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('livedash alerts', 0))")


def record(connection: Connection, found: Sequence[Found], now: datetime, *, after: datetime | None) -> None:
    """Store what the rules found at ``now``: new alerts begin, and open ones that were not found end.

    ``after``: the last evaluation when the facts were not yet read. If it is no longer the last one, nothing changes,
    because these facts may be older than those of the other. The caller's transaction makes the change visible at once.
    Evaluations at the same time wait for each other.
    """
    connection.execute(_LOCK)
    # Only compared for equality: the clocks of two machines need not agree.
    if last_evaluation(connection) != after:
        return
    stored = {row.key: row for row in connection.execute(select(*_KEPT).where(Alert.ended_at.is_(None)))}
    rows = {one.key: {**_row(one), "since": one.since, "first_seen_at": now} for one in found}
    if reopened := _reopen(connection, [key for key in rows if key not in stored], now):
        stored |= reopened
    changed = [row for key, row in rows.items() if key not in stored or _differs(row, stored[key])]
    if changed:
        added = insert(Alert)
        connection.execute(
            added.on_conflict_do_update(
                index_elements=["key"],
                index_where=Alert.ended_at.is_(None),
                set_={name: getattr(added.excluded, name) for name in _CHANGING},
            ),
            changed,
        )
        connection.execute(_FORGET_BETTER)
    if ended := [row.id for key, row in stored.items() if key not in rows]:
        connection.execute(update(Alert).where(Alert.id.in_(ended)).values(ended_at=now))
    if any(row.snoozed_until for row in stored.values()):
        _end_snoozes(connection, now)
    connection.execute(delete(Alert).where(Alert.ended_at < now - HISTORY))
    evaluated = insert(AlertEvaluation).values(evaluated_at=now)
    connection.execute(evaluated.on_conflict_do_update(index_elements=["is_only_row"], set_={"evaluated_at": now}))


def _reopen(connection: Connection, keys: Sequence[str], now: datetime) -> dict[str, Any]:
    """Go on with the alerts of ``FLAPPING`` rules that ended a moment ago; returns them by key."""
    again = (
        update(Alert)
        .where(Alert.key.in_(keys), Alert.rule.in_(FLAPPING), Alert.ended_at > now - STEADY)
        .values(ended_at=None)
        .returning(*_KEPT)
    )
    return {row.key: row for row in connection.execute(again)} if keys else {}


#: What may change while a fact lasts.
_CHANGING = ("stage", "level", "message", "advice", "page", "command")
_KEPT = (Alert.id, Alert.key, Alert.snoozed_until, *(getattr(Alert, name) for name in _CHANGING))


def _differs(row: dict[str, Any], stored: Any) -> bool:
    return any(row[name] != getattr(stored, name) for name in _CHANGING)


def _row(found: Found) -> dict[str, Any]:
    return {
        "key": found.key,
        "rule": found.rule,
        "company_id": company_id(found),
        "stage": found.stage,
        "level": found.level,
        "message": redact(found.message),
        "advice": found.advice,
        "page": found.page,
        "command": found.command,
    }


#: An alert that has become better is sent again when it becomes worse again.
_FORGET_BETTER = text(
    """
    UPDATE livedash.alert SET deliveries = (
        SELECT jsonb_object_agg(
            name, sent || jsonb_build_object('level', least(CAST(sent ->> 'level' AS int), alert.level))
        )
        FROM jsonb_each(deliveries) AS delivery (name, sent)
    )
    WHERE ended_at IS NULL AND EXISTS (
        SELECT FROM jsonb_each(deliveries) AS delivery (name, sent) WHERE CAST(sent ->> 'level' AS int) > alert.level
    )
    """
)


def _end_snoozes(connection: Connection, now: datetime) -> None:
    """End the snoozes that are over, which sends the alert again, and those of alerts that have become worse."""
    over: dict[str, Any] = dict.fromkeys(("snoozed_until", "snoozed_level", "snoozed_by", "snooze_reason"))
    is_open = Alert.ended_at.is_(None)
    connection.execute(update(Alert).where(is_open, Alert.level > Alert.snoozed_level).values(over))
    connection.execute(update(Alert).where(is_open, Alert.snoozed_until <= now).values({**over, "deliveries": {}}))


def list_alerts(
    connection: Connection,
    *,
    with_ended_since: datetime | None = None,
    steady_at: datetime | None = None,
    rule: str | None = None,
) -> list[OpenAlert]:
    """List the open alerts, of one rule or all, oldest first; with those that ended since a time, if one is given.

    ``steady_at``: without those whose end is not ``STEADY`` at this time.
    """
    wanted = or_(Alert.ended_at.is_(None), Alert.ended_at > (with_ended_since or _NEVER))
    steady_until = steady_at - STEADY if steady_at else _NEVER
    rows = connection.execute(
        select(*_SHOWN)
        .outerjoin(Company, Company.id == Alert.company_id)
        .where(wanted, or_(literal(rule is None), Alert.rule == rule))
        .where(or_(Alert.ended_at.is_(None), Alert.rule.not_in(FLAPPING), Alert.ended_at <= steady_until))
        .order_by(Alert.id)
    )
    return [OpenAlert(**row._mapping) for row in rows]


def last_evaluation(connection: Connection) -> datetime | None:
    """When the rules were last evaluated; None: never."""
    return connection.scalar(select(AlertEvaluation.evaluated_at))


def count_open(connection: Connection) -> int:
    """The number of open alerts, the snoozed ones included."""
    return connection.scalar(select(func.count()).select_from(Alert).where(Alert.ended_at.is_(None))) or 0


def open_alerts(number: int) -> str:
    """A sentence about the number of open alerts, with the command that lists them."""
    return f"{number:,} {'alert is' if number == 1 else 'alerts are'} open: livedash alerts list"


def record_delivery(
    connection: Connection, notifier: str, alerts: Iterable[OpenAlert], now: datetime, error: str | None
) -> None:
    """Record that a notifier has sent these alerts as they are, or the error with which it failed."""
    for alert in alerts:
        sent = dict(alert.deliveries.get(notifier, {}))
        sent |= {"error": redact(error) if error else None, "at": now.astimezone(UTC).isoformat()}
        values: dict[str, Any] = {}
        if error is None:
            sent |= {"level": alert.level, "ended": alert.ended_at is not None}
            values["notified_at"] = now
        values["deliveries"] = Alert.deliveries.op("||")(literal({notifier: sent}, JSONB))
        connection.execute(update(Alert).where(Alert.id == alert.id).values(values))


def snooze(connection: Connection, alert_id: int, until: datetime, by: str, reason: str | None) -> OpenAlert:
    """Send nothing about an open alert before ``until``, unless it becomes worse or ends.

    Raises ``UsageError`` if there is no open alert with this id.
    """
    values = {"snoozed_until": until, "snoozed_level": Alert.level, "snoozed_by": by, "snooze_reason": reason}
    return _change_open(connection, alert_id, values)


def unsnooze(connection: Connection, alert_id: int) -> OpenAlert:
    """End the snooze of an open alert. Raises ``UsageError`` if there is no open alert with this id."""
    return _change_open(
        connection, alert_id, dict.fromkeys(("snoozed_until", "snoozed_level", "snoozed_by", "snooze_reason"))
    )


def _change_open(connection: Connection, alert_id: int, values: dict[str, Any]) -> OpenAlert:
    changed = update(Alert).where(Alert.id == alert_id, Alert.ended_at.is_(None)).values(values).returning(Alert.id)
    if not 0 < alert_id < 2**63 or connection.scalar(changed) is None:
        raise UsageError(f"there is no open alert {alert_id}; see: livedash alerts list")
    return next(alert for alert in list_alerts(connection) if alert.id == alert_id)
