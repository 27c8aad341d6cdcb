"""A model's reply, checked and normalised into an ``Analysis``; pure.

The checks come in the order that the API guarantees things: a choice, no refusal, a finish, a content, JSON, fields
(OpenAI's structured outputs promise their shape only for a reply that finished and is no refusal). Harmless
deviations are normalised and noted; the rest is an ``UnusableReply``, whose words quote neither reply nor transcript.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StrictBool, ValidationError, ValidationInfo

from livedash_core.analysis import normalise
from livedash_core.analysis.contract import SUMMARY_MAX_CHARACTERS, SUMMARY_MIN_CHARACTERS, Analysis
from livedash_core.analysis.masking import without_contacts, without_placeholders
from livedash_core.analysis.openai.completion import Completion
from livedash_core.enums import UNDETERMINED, Category, Sentiment
from livedash_core.errors import PermanentError, TransientError
from livedash_core.parsing.questions import MAX_CHARACTERS, clean_questions, normal_form
from livedash_core.parsing.text import clean

#: A language tag is no longer (RFC 5646, 4.4.1), nor is a language's name.
_MAX_LABEL_CHARACTERS = 35


class UnusableReply(PermanentError):
    """The model answered something else than it was asked for. ``problems`` say what, ``content`` is its reply."""

    def __init__(self, content: str, problems: Sequence[str]) -> None:
        super().__init__(f"the model's reply cannot be used: {'; '.join(problems)}")
        self.content = content
        self.problems = tuple(problems)


class ReplyCutOff(PermanentError):
    """The model used up its ``max_completion_tokens``, perhaps on reasoning alone."""

    def __init__(self) -> None:
        super().__init__("the model's reply did not fit in the tokens it was given; choose a model that reasons less")


def read_completion(completion: Completion, language_hint: str | None = None) -> Analysis:
    """The analysis in ``completion``; who made it is still to be filled in.

    ``language_hint`` decides the language when the model could not. Raises ``TransientError`` (no completion),
    ``PermanentError`` (refused), ``ReplyCutOff`` or ``UnusableReply``.
    """
    if not completion.choices:
        raise TransientError("the model server answered 200 without a completion")
    choice = completion.choices[0]
    if choice.message.refusal:
        raise PermanentError("the model refused to analyse this conversation")
    if choice.finish_reason == "content_filter":
        raise PermanentError("the model refused to analyse this conversation: its content filter stopped the reply")
    if choice.finish_reason == "length":
        raise ReplyCutOff
    analysis = read_content(choice.message.content or "")
    language = normalise.language_code(language_hint or "")
    if analysis.language == UNDETERMINED != language:
        return replace(analysis, language=language, notes={**analysis.notes, "language": "from the import"})
    return analysis


def read_content(content: str) -> Analysis:
    """The analysis that ``content`` spells. Raises ``UnusableReply``."""
    found = _json_object(content)
    try:
        notes: dict[str, str | int] = {}
        reply = _Reply.model_validate(found, context=notes)
    except ValidationError as exc:
        problems = [f"{error['loc'][0]}: {error['msg']}" for error in exc.errors(include_input=False)]
        raise UnusableReply(content, problems) from None  # the cause would quote the reply
    return Analysis(**reply.model_dump(), notes=notes | _notes(found, reply))


def _json_object(content: str) -> dict[str, Any]:
    # Local servers leave the reasoning of some models in the content.
    text = content.rpartition("</think>")[2]
    start = text.find("{")
    if start < 0:
        raise UnusableReply(content, ["it holds no JSON object"])
    try:
        # What stands before and behind, such as a Markdown fence, does no harm.
        found, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        raise UnusableReply(content, ["it is not valid JSON"]) from None
    return dict(found)


def _summary(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # A transcript may have dictated whom to call.
    text = without_contacts(_searchable(value, SUMMARY_MAX_CHARACTERS))
    short = textwrap.shorten(text, SUMMARY_MAX_CHARACTERS, placeholder="…")
    # Of one endless word nothing but the placeholder would be left.
    return short if len(short) >= SUMMARY_MIN_CHARACTERS else text[:SUMMARY_MAX_CHARACTERS]


def _searchable(value: str, characters: int) -> str:
    """On one line; what is far behind the end of what will be kept is not worth a search."""
    return " ".join(clean(value).split())[: 4 * characters]


def _questions(value: Any, info: ValidationInfo) -> Any:
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return value
    asked = [_searchable(question, MAX_CHARACTERS) for question in value if isinstance(question, str)]
    told = [(before, without_contacts(before)) for before in asked]
    with_contacts = sum(after != before for before, after in told)
    if with_contacts and info.context is not None:
        info.context["questions_with_contacts"] = with_contacts
    # One that is nothing but contacts is none.
    return clean_questions(
        after for before, after in told if after == before or normal_form(without_placeholders(after))
    )


def _language(value: Any) -> str:
    return normalise.language_code(value) if isinstance(value, str) else UNDETERMINED


def _sentiment(value: Any) -> Any:
    return (normalise.sentiment(value) or value) if isinstance(value, str) else value


def _category(value: Any) -> Any:
    return (normalise.category(value) or value) if isinstance(value, str) else value


def _truth(value: Any) -> Any:
    truth = normalise.truth(str(value)) if isinstance(value, str | int) else None
    return value if truth is None else truth


class _Reply(BaseModel):
    """The fields as they must be after normalisation. Only the language may be missing: it never fails a reply.

    The validation's context takes notes.
    """

    summary: Annotated[
        str, Field(min_length=SUMMARY_MIN_CHARACTERS, max_length=SUMMARY_MAX_CHARACTERS), BeforeValidator(_summary)
    ]
    questions: Annotated[tuple[str, ...], BeforeValidator(_questions)]
    language: Annotated[str, BeforeValidator(_language)] = UNDETERMINED
    sentiment: Annotated[Sentiment, BeforeValidator(_sentiment)]
    escalated: Annotated[StrictBool, BeforeValidator(_truth)]
    forwarded_hr: Annotated[StrictBool, BeforeValidator(_truth)]
    category: Annotated[Category, BeforeValidator(_category)]


def _label(value: Any) -> str:
    """What the model called the language, fit for a note."""
    text = without_contacts(_searchable(value, _MAX_LABEL_CHARACTERS)) if isinstance(value, str) else ""
    return text[:_MAX_LABEL_CHARACTERS].rstrip()


def _notes(found: dict[str, Any], reply: _Reply) -> dict[str, str | int]:
    notes: dict[str, str | int] = {}
    asked = [found["questions"]] if isinstance(found["questions"], str) else found["questions"] or []
    if len(asked) > len(reply.questions):
        notes["questions_dropped"] = len(asked) - len(reply.questions)
    if (label := _label(found.get("language"))) not in ("", reply.language):
        notes["language_label"] = label
    changed = [
        name
        for name, value in reply.model_dump(exclude={"questions"}).items()
        if name not in found or type(found[name]) is not type(value) or found[name] != value
    ]
    if changed:
        notes["normalised"] = ", ".join(changed)
    return notes
