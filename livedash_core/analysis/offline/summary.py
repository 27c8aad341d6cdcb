"""Summarise in one English line what the rules found; the line says that rules wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from livedash_core.analysis.contract import SUMMARY_MAX_CHARACTERS
from livedash_core.enums import Category

TOPICS: dict[Category, str] = {
    "SCHEDULE_HOURS": "schedule and hours",
    "LEAVE_VACATION": "leave and vacation",
    "SICK_LEAVE_RECOVERY": "sick leave and recovery",
    "SALARY_COMPENSATION": "salary and compensation",
    "CONTRACT_HOURS": "contract and hours",
    "ONBOARDING": "onboarding",
    "OFFBOARDING": "offboarding",
    "WORKWEAR_STAFF_PASS": "workwear and staff pass",
    "TEAM_CONTACTS": "team and contacts",
    "PERSONAL_QUESTIONS": "personal data",
    "ACCESS_LOGIN": "access and login",
    "SOCIAL_QUESTIONS": "social matters",
    "UNRECOGNIZED_OTHER": "a topic that was not recognized",
}


def summarize(
    user_messages: int, category: Category, questions: Sequence[str], *, escalated: bool, forwarded_hr: bool
) -> str:
    """10-300 characters, no line breaks; the first of ``questions`` is quoted as far as it fits."""
    messages = "1 user message" if user_messages == 1 else f"{user_messages} user messages"
    start = f"Offline rules: {messages} about {TOPICS[category]}."
    end = " Escalated." * escalated + " Forwarded to HR." * forwarded_hr
    if not questions:
        return start + end
    start += " First question: “"
    end = "”." + end
    return start + shorten(questions[0], SUMMARY_MAX_CHARACTERS - len(start) - len(end), placeholder="…") + end
