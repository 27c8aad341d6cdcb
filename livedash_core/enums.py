"""The closed sets of the product's contract (DESIGN, "Analysis contract"); the database repeats them as CHECKs."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["User", "Assistant", "System"]
Sentiment = Literal["POSITIVE", "NEUTRAL", "NEGATIVE"]
Category = Literal[
    "SCHEDULE_HOURS",
    "LEAVE_VACATION",
    "SICK_LEAVE_RECOVERY",
    "SALARY_COMPENSATION",
    "CONTRACT_HOURS",
    "ONBOARDING",
    "OFFBOARDING",
    "WORKWEAR_STAFF_PASS",
    "TEAM_CONTACTS",
    "PERSONAL_QUESTIONS",
    "ACCESS_LOGIN",
    "SOCIAL_QUESTIONS",
    "UNRECOGNIZED_OTHER",
]
#: How a model is asked: one call after the other, or in batches, at half the price and within a day.
Mode = Literal["realtime", "batch"]

ROLES: tuple[Role, ...] = get_args(Role)
SENTIMENTS: tuple[Sentiment, ...] = get_args(Sentiment)
CATEGORIES: tuple[Category, ...] = get_args(Category)
MODES: tuple[Mode, ...] = get_args(Mode)
#: ISO 639's code for a language nobody could determine.
UNDETERMINED = "und"
