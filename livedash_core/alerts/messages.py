"""Writes the messages about alerts: one per rule, stage and change, however many companies it affects.

Names of companies and texts of errors come from elsewhere. A subject is one line without control characters, HTML is
escaped, and plain text has no characters that chat programs read as a mention or a link.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment

from livedash_core.alerts.found import utc
from livedash_core.alerts.rules import TITLES
from livedash_core.alerts.store import Change, OpenAlert
from livedash_core.parsing.text import without_invisible

#: Alerts that one message names; the others are counted.
MOST_SHOWN = 20
#: Characters of a subject, and of a company's name in it.
_SUBJECT, _NAME = 150, 40
#: What Slack, Discord, Mattermost and Teams read as a mention of everyone.
_MENTION = re.compile(r"@(?=everyone\b|here\b|channel\b|all\b)", re.IGNORECASE)

_HTML = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """
<p>{{ opening }}</p>
{% for one in entries %}
<h3>{{ one.message }}</h3>
<p>Since {{ one.since }}.{% if one.ended %} Ended {{ one.ended }}.{% else %} {{ one.advice }}{% endif %}</p>
<p>{% if one.link %}<a href="{{ one.link }}">{{ one.link }}</a>{% else %}<code>{{ one.command }}</code>{% endif %}</p>
{% endfor %}
{% if closing %}<p>{{ closing }}</p>{% endif %}
""".strip()
)


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: a subject of one line, the text, the same as HTML, and the facts for programs."""

    subject: str
    text: str
    html: str
    data: dict[str, Any]
    alerts: tuple[OpenAlert, ...] = ()


def write_messages(alerts: Iterable[OpenAlert], notifier: str, base_url: str | None) -> list[Message]:
    """The messages that ``notifier`` has to send now. Without ``base_url`` they name commands instead of links."""
    groups: dict[tuple[str, str | None, Change], list[OpenAlert]] = {}
    for alert in alerts:
        if change := alert.change_for(notifier):
            groups.setdefault((alert.rule, alert.stage, change), []).append(alert)
    return [_message(change, group, base_url) for (_, _, change), group in groups.items()]


def example(base_url: str | None) -> Message:
    """The message of `livedash alerts test`."""
    text = "This is a test of LiveDash's alerts. Nothing is wrong, and there is nothing to do."
    link = _link(base_url, "livedash/")
    html = _HTML.render(opening=text, entries=[], closing=link or "")
    data: dict[str, Any] = {"change": "test", "rule": None, "stage": None, "alerts": []}
    return Message("LiveDash: test of the alerts", text + (f"\n{link}" if link else ""), html, data)


def _message(change: Change, group: Sequence[OpenAlert], base_url: str | None) -> Message:
    first, shown = group[0], group[:MOST_SHOWN]
    title = TITLES.get(first.rule, first.rule)
    opening = {
        "begun": f"LiveDash: {title}",
        "worse": f"LiveDash, worse: {title}",
        "ended": f"LiveDash, ended: {title}",
    }
    names = [plain(alert.company)[:_NAME] for alert in group if alert.company]
    about = ", ".join(names[:3]) + (f" and {len(names) - 3} others" if len(names) > 3 else "")
    stage = f", {first.stage}" if first.stage else ""
    subject = f"{opening[change]}{': ' if about else ''}{about}{stage}"[:_SUBJECT]
    entries = [_entry(alert, base_url) for alert in shown]
    hidden = len(group) - len(shown)
    closing = f"And {hidden:,} others: livedash alerts list" if hidden else ""
    lines = [opening[change] + "."]
    for one in entries:
        ended = f" Ended {one['ended']}." if one["ended"] else f" {one['advice']}"
        lines += ["", one["message"], f"Since {one['since']}.{ended}", one["link"] or one["command"]]
    text = "\n".join([*lines, *(("", closing) if closing else ())])
    data = {"change": change, "rule": first.rule, "stage": first.stage, "alerts": entries}
    return Message(subject, text, _HTML.render(opening=lines[0], entries=entries, closing=closing), data, tuple(group))


def _entry(alert: OpenAlert, base_url: str | None) -> dict[str, Any]:
    return {
        "id": alert.id,
        "company": plain(alert.company) if alert.company else None,
        "level": alert.level,
        "message": plain(alert.message),
        "advice": alert.advice,
        "since": utc(alert.since),
        "ended": utc(alert.ended_at) if alert.ended_at else None,
        "link": _link(base_url, alert.page),
        "command": plain(alert.command),
    }


def _link(base_url: str | None, page: str) -> str | None:
    return f"{base_url.rstrip('/')}/{page}" if base_url else None


def plain(text: str) -> str:
    """Foreign text on one line, without control and invisible characters, tags, and mentions of everyone."""
    visible = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text)
    one_line = " ".join(without_invisible(visible).split())
    return _MENTION.sub("@ ", one_line.replace("<", "‹").replace(">", "›"))
