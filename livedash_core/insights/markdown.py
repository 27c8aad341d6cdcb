"""Writes a report as Markdown, for a mail. Foreign text is escaped, so that it is neither markup nor a link. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from livedash_core.insights.reading import AskedQuestion
from livedash_core.insights.report import Figure, Report
from livedash_core.insights.topics.reading import ListedTopic
from livedash_core.words import title

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&@:/=^$])")
#: Characters of a question.
_MAX_CHARACTERS = 200


def escape(text: str) -> str:
    """Escape all punctuation that any Markdown gives a meaning, line breaks and control characters included."""
    return _SPECIAL.sub(r"\\\1", " ".join("".join(c if c.isprintable() else " " for c in text).split()))


def as_markdown(
    report: Report,
    questions: Sequence[AskedQuestion],
    who: str,
    topics: Sequence[ListedTopic] = (),
    topics_to_fix: Sequence[ListedTopic] = (),
) -> str:
    """The three answers about ``who``: the name of a company, or all companies."""
    period, before = report.period, report.period.before
    going = [
        (figure.key, f"{figure.sessions:,}", f"{figure.share:.0%}", changed(figure, report))
        for figure in report.figures
    ]
    lines = [
        f"# Insights: {escape(who)}",
        "",
        f"Sessions that started from {period.first} to {period.last} (UTC), "
        f"compared with {before.first} to {before.last}.",
        *report.partial,
        "",
        "## How is it going?",
        "",
        *_table(("Figure", "Sessions", "Share", "Change"), going),
        "",
        f"Shares are of all {report.now.sessions:,} sessions; {report.now.analysed:,} are analysed, "
        f"{report.now.without_outcome:,} of these not for their outcome.",
        "",
        "## What do people ask?",
        "",
        *_topics(topics, ("Sessions", "Before"), lambda topic: (topic.sessions, topic.sessions_before)),
        *[
            f"{number}. {escape(question.content[:_MAX_CHARACTERS])} ({question.sessions:,})"
            for number, question in enumerate(questions, 1)
        ],
        *([] if questions else ["No questions."]),
        "",
        "## What to fix first?",
        "",
        *_topics(
            topics_to_fix,
            ("Not resolved", "Unresolved", "Handed over"),
            lambda topic: (topic.opportunity, topic.unresolved, topic.handed_over),
        ),
    ]
    fixes = report.categories_to_fix
    if fixes:
        rows = [
            (
                title(one.category),
                f"{one.opportunity:,}",
                f"{one.unresolved:,}",
                f"{one.handed_over:,}",
                f"{one.share:.0%}",
            )
            for one in fixes
        ]
        lines += _table(("Category", "Not resolved", "Unresolved", "Handed over", "Share of its sessions"), rows)
    else:
        lines.append("No session was unresolved or handed over.")
    return "\n".join(lines) + "\n"


def changed(figure: Figure, report: Report) -> str:
    """The change of a figure in words: the sessions in percent, a share in percentage points."""
    if not report.before.sessions:
        return "nothing to compare with"
    if figure.facet == "session":
        return f"{(figure.sessions - figure.sessions_before) / figure.sessions_before:+.0%}"
    return "not comparable" if figure.points is None else f"{figure.points:+d} points"


def _topics(
    topics: Sequence[ListedTopic], headings: Sequence[str], numbers: Callable[[ListedTopic], Sequence[int]]
) -> list[str]:
    """A table of topics and an empty line; nothing without topics."""
    rows = [(escape(topic.name[:_MAX_CHARACTERS]), *(f"{number:,}" for number in numbers(topic))) for topic in topics]
    return [*_table(("Topic", *headings), rows), ""] if rows else []


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        f"|{' --- |' * len(headings)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
