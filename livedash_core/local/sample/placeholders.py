"""Chooses values for a script's placeholders: names, places, dates and amounts for the session's language and day."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from livedash_core.local.sample.material import Language


def choose_values(rng: Random, language: Language, day: date) -> dict[str, str]:
    """Choose the values of all placeholders for a session on ``day``; days off and balances are consistent."""
    first_name, colleague = rng.sample(language.first_names, 2)
    past = _workday(day - timedelta(days=rng.randint(3, 8)))
    soon = _workday(day + timedelta(days=rng.randint(4, 10)))
    # A holiday, from a Monday one to two months ahead to the Friday of the same or next week.
    later = day + timedelta(days=7 * rng.randint(5, 9) - day.weekday())
    weeks = rng.randint(1, 2)
    balance = rng.randrange(88, 168, 4)
    shift_start = rng.choice((6, 7, 8, 14))
    # Mid-month plus or minus 30 days is always in the neighbouring month.
    mid_month = day.replace(day=15)
    next_month = mid_month + timedelta(days=30)

    def formatted(when: date) -> str:
        return language.date_format.format(day=when.day, month=when.month, month_name=language.months[when.month - 1])

    return {
        "first_name": first_name,
        "colleague": colleague,
        "manager": rng.choice(language.managers),
        "hr_contact": rng.choice(language.hr_contacts),
        "department": rng.choice(language.departments),
        "location": rng.choice(language.locations),
        "past": formatted(past),
        "past_weekday": language.weekdays[past.weekday()],
        "soon": formatted(soon),
        "soon_weekday": language.weekdays[soon.weekday()],
        "later": formatted(later),
        "later_end": formatted(later + timedelta(days=7 * weeks - 3)),
        "last_month": language.months[(mid_month - timedelta(days=30)).month - 1],
        "this_month": language.months[day.month - 1],
        "next_month": language.months[next_month.month - 1],
        "first_of_next_month": formatted(next_month.replace(day=1)),
        "leave_days": str(5 * weeks),
        "leave_hours": str(40 * weeks),
        "balance": str(balance),
        "balance_left": str(balance - 40 * weeks),
        "hours": str(rng.choice((16, 20, 24, 28, 32))),
        "euros": str(rng.randint(38, 190)),
        "shift_start": f"{shift_start}:00",
        "shift_end": f"{shift_start + 8}:30",
        "ticket": f"HR-{rng.randint(20100, 29800)}",
        "employee_number": str(rng.randint(41000, 68999)),
    }


def _workday(day: date) -> date:
    """Return the day, or the Friday before it if it is on a weekend."""
    return day - timedelta(days=max(0, day.weekday() - 4))
