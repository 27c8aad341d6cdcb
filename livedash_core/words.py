"""Writes constants and counts as words for readers. Pure."""

from __future__ import annotations

_ACRONYMS = ("AI", "CSV", "HR")
#: Constants whose parts are no phrase.
_PHRASES = {
    "SCHEDULE_HOURS": "Schedule and hours",
    "LEAVE_VACATION": "Leave and holidays",
    "SICK_LEAVE_RECOVERY": "Sick leave and recovery",
    "SALARY_COMPENSATION": "Salary and compensation",
    "CONTRACT_HOURS": "Contract and hours",
    "WORKWEAR_STAFF_PASS": "Workwear and staff pass",
    "TEAM_CONTACTS": "Team and contacts",
    "ACCESS_LOGIN": "Access and login",
    "UNRECOGNIZED_OTHER": "Other",
}


def title(constant: str) -> str:
    """Write a constant as words: ``CSV_IMPORT`` becomes "CSV import"."""
    if phrase := _PHRASES.get(constant):
        return phrase
    words = " ".join(word if word in _ACRONYMS else word.lower() for word in constant.split("_"))
    return words[:1].upper() + words[1:]


def count_of(number: int, noun: str) -> str:
    """Write a count: ``1 session``, ``2,000 sessions``, ``1 company``, ``3 companies``."""
    if number == 1:
        return f"1 {noun}"
    ends_in_ies = noun[-1] == "y" and noun[-2] not in "aeiou"
    return f"{number:,} {noun[:-1] + 'ies' if ends_in_ies else noun + 's'}"
