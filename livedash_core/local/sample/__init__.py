"""The chats of a fictional company, to try the product with and to test it against."""

from livedash_core.local.sample.generator import (
    BOT_ONLY_ID,
    BROKEN_LINE_AFTER,
    COMPANY_NAME,
    DAYS,
    EMPTY_TRANSCRIPT_ID,
    IMPOSSIBLE_DATE_ID,
    NO_URL_ID,
    NOT_FOUND_ID,
    SESSIONS,
    TIMEZONE,
    Sample,
    build_sample,
)

__all__ = [
    "BOT_ONLY_ID",
    "BROKEN_LINE_AFTER",
    "COMPANY_NAME",
    "DAYS",
    "EMPTY_TRANSCRIPT_ID",
    "IMPOSSIBLE_DATE_ID",
    "NOT_FOUND_ID",
    "NO_URL_ID",
    "SESSIONS",
    "TIMEZONE",
    "Sample",
    "build_sample",
]
