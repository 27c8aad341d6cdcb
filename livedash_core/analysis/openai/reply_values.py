"""Normalises and validates the values of a reply's fields; pure."""

from __future__ import annotations

import textwrap
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StrictBool, ValidationInfo, model_validator

from livedash_core.analysis import normalise
from livedash_core.analysis.contract import (
    REASON_MAX_CHARACTERS,
    SUMMARY_MAX_CHARACTERS,
    SUMMARY_MIN_CHARACTERS,
)
from livedash_core.analysis.masking import redact_contacts, remove_placeholders
from livedash_core.analysis.openai.prompt import NOTHING_MISSING
from livedash_core.enums import UNDETERMINED, Category, Missing, Sentiment, SessionOutcome
from livedash_core.parsing.questions import MAX_CHARACTERS, clean_questions, normal_form
from livedash_core.parsing.text import clean

#: The longest language tag (RFC 5646, 4.4.1); names of languages are shorter.
_MAX_LABEL_CHARACTERS = 35


def short_summary(value: Any) -> Any:
    """Return a summary without contacts, on one line and shortened; a value that is not text is returned as it is."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = " ".join(value)
    if not isinstance(value, str):
        return value
    # A transcript may have injected an address or a link.
    text = redact_contacts(_single_line(value, SUMMARY_MAX_CHARACTERS))
    if 0 < len(text) < SUMMARY_MIN_CHARACTERS:
        return f"Summary: {text}"  # "Greeting." is short, but it is what was paid for
    short = _shortened(text, SUMMARY_MAX_CHARACTERS)
    # It may reduce a single long word to the placeholder alone.
    return short if len(short) >= SUMMARY_MIN_CHARACTERS else text[:SUMMARY_MAX_CHARACTERS]


def _reason(value: Any) -> str:
    text = redact_contacts(_single_line(value, REASON_MAX_CHARACTERS)) if isinstance(value, str) else ""
    short = _shortened(text, REASON_MAX_CHARACTERS)
    return short if len(short) > 1 else text[:REASON_MAX_CHARACTERS]


def _shortened(text: str, characters: int) -> str:
    # textwrap divides a text that fits into words too, and most texts fit.
    return text if len(text) <= characters else textwrap.shorten(text, characters, placeholder="…")


def _outcome(value: Any) -> SessionOutcome:
    return (normalise.session_outcome(value) if isinstance(value, str) else None) or "UNKNOWN"


def _missing(value: Any) -> Missing | None:
    return normalise.missing(value) if isinstance(value, str) else None


def _single_line(value: str, characters: int) -> str:
    """The text on one line, truncated to four times what will be kept, which bounds the searches in it."""
    return " ".join(clean(value).split())[: 4 * characters]


def _questions(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        value = normalise.listed(value)
    if value is None:
        value = []
    if not isinstance(value, list):
        return value
    value = [_question(each) for each in value]
    questions = [_single_line(question, MAX_CHARACTERS) for question in value if isinstance(question, str)]
    redacted = [(before, redact_contacts(before)) for before in questions]
    with_contacts = sum(after != before for before, after in redacted)
    # A question that consists of contacts alone is dropped.
    kept = clean_questions(
        after for before, after in redacted if after == before or normal_form(remove_placeholders(after))
    )
    counts = {"questions_with_contacts": with_contacts, "questions_dropped": len(value) - len(kept)}
    if info.context is not None:
        info.context.update({name: count for name, count in counts.items() if count})
    return kept


def _question(value: Any) -> Any:
    """The text of a question that is an object: {"question": ..., "asked_by": ...}."""
    if isinstance(value, dict):
        return next((value[key] for key in ("question", "text", "value") if isinstance(value.get(key), str)), value)
    return value


def _language(value: Any) -> str:
    return normalise.language_code(value) if isinstance(value, str) else UNDETERMINED


def _sentiment(value: Any) -> Any:
    return (normalise.sentiment(value) or value) if isinstance(value, str) else value


def _category(value: Any) -> Any:
    return (normalise.category(value) or value) if isinstance(value, str) else value


def _boolean(value: Any) -> Any:
    if value is None:
        return False
    boolean = normalise.boolean(str(value)) if isinstance(value, str | int) else None
    return value if boolean is None else boolean


#: Absent from a reply to an older prompt.
_OPTIONAL = ("outcome", "outcome_reason", "missing")
#: How a model says that nothing was missing, folded.
_NOTHING = ("none", NOTHING_MISSING.casefold(), "")


class NormalisedReply(BaseModel):
    """The fields after normalisation. The language and what belongs to the outcome may be absent or odd; they never
    make a reply unusable. A reply to a prompt of before the outcome has none.

    The context of the validation is a dictionary that collects notes.
    """

    summary: Annotated[
        str, Field(min_length=SUMMARY_MIN_CHARACTERS, max_length=SUMMARY_MAX_CHARACTERS), BeforeValidator(short_summary)
    ]
    questions: Annotated[tuple[str, ...], BeforeValidator(_questions)]
    language: Annotated[str, BeforeValidator(_language)] = UNDETERMINED
    sentiment: Annotated[Sentiment, BeforeValidator(_sentiment)]
    escalated: Annotated[StrictBool, BeforeValidator(_boolean)]
    forwarded_hr: Annotated[StrictBool, BeforeValidator(_boolean)]
    category: Annotated[Category, BeforeValidator(_category)]
    outcome: Annotated[SessionOutcome | None, BeforeValidator(_outcome)] = None
    outcome_reason: Annotated[str, BeforeValidator(_reason)] = ""
    missing: Annotated[Missing | None, BeforeValidator(_missing)] = None

    @model_validator(mode="after")
    def _belong_to_the_outcome(self) -> NormalisedReply:
        """Drop a reason without an outcome, and what was missing if the outcome is not UNRESOLVED."""
        if self.outcome is None:
            self.outcome_reason = ""
        if self.outcome != "UNRESOLVED":
            self.missing = None
        return self


def _label(value: Any) -> str:
    """The model's label of the language, redacted and truncated for a note."""
    text = redact_contacts(_single_line(value, _MAX_LABEL_CHARACTERS)) if isinstance(value, str) else ""
    return text[:_MAX_LABEL_CHARACTERS].rstrip()


def noted(fields: dict[str, Any], reply: NormalisedReply, notes: dict[str, str | int]) -> dict[str, str | int]:
    """Return ``notes`` with the names of the fields that were normalised, and the label that gave no language."""
    if (label := _label(fields.get("language"))) not in ("", reply.language):
        notes["language_label"] = label
    changed = [
        name
        for name, value in reply.model_dump(exclude={"questions"}).items()
        if name not in fields or type(fields[name]) is not type(value) or fields[name] != value
        if not (name in _OPTIONAL and name not in fields)
        if not (name == "missing" and value is None and str(fields[name]).casefold() in _NOTHING)
    ]
    if changed:
        notes["normalised"] = ", ".join(changed)
    return notes
