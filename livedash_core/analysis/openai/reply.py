"""Validate a model's reply and normalise it into an ``Analysis``; pure.

The checks follow the guarantees of the API: a choice, no refusal, a finish reason, content, JSON, fields (OpenAI's
structured outputs guarantee the schema only for a finished reply that is not a refusal). Harmless deviations are
normalised and noted; any other is an ``UnusableReply``, whose message quotes neither the reply nor the transcript.
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
from livedash_core.analysis.masking import redact_contacts, remove_placeholders
from livedash_core.analysis.openai.completion import Completion
from livedash_core.enums import UNDETERMINED, Category, Sentiment
from livedash_core.errors import PermanentError, TransientError
from livedash_core.parsing.questions import MAX_CHARACTERS, clean_questions, normal_form
from livedash_core.parsing.text import clean

#: The longest language tag (RFC 5646, 4.4.1); names of languages are shorter.
_MAX_LABEL_CHARACTERS = 35


class UnusableReply(PermanentError):
    """The reply does not have the requested form. ``problems`` say why, ``content`` is the reply."""

    def __init__(self, content: str, problems: Sequence[str]) -> None:
        super().__init__(f"the model's reply is unusable: {'; '.join(problems)}")
        self.content = content
        self.problems = tuple(problems)


class ReplyCutOff(PermanentError):
    """The model used all of its ``max_completion_tokens``, possibly for reasoning alone."""

    def __init__(self) -> None:
        super().__init__("the model's reply exceeds its maximum tokens; choose a model that reasons less")


def read_completion(completion: Completion, language_hint: str | None = None) -> Analysis:
    """Read the analysis in ``completion``; the caller fills in the analyzer, model and version.

    ``language_hint`` is the language if the model could not determine it. Raises ``TransientError`` (no completion),
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
    """Read the analysis in the text of a reply. Raises ``UnusableReply``."""
    fields = _json_object(content)
    try:
        notes: dict[str, str | int] = {}
        reply = _Reply.model_validate(fields, context=notes)
    except ValidationError as exc:
        problems = [f"{error['loc'][0]}: {error['msg']}" for error in exc.errors(include_input=False)]
        raise UnusableReply(content, problems) from None  # the cause would quote the reply
    return Analysis(**reply.model_dump(), notes=notes | _notes(fields, reply))


def _json_object(content: str) -> dict[str, Any]:
    # Some local servers leave a model's reasoning in the content.
    text = content.rpartition("</think>")[2]
    start = text.find("{")
    if start < 0:
        raise UnusableReply(content, ["it holds no JSON object"])
    try:
        # Text before and after the object, such as a Markdown fence, is ignored.
        found, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        raise UnusableReply(content, ["it is not valid JSON"]) from None
    return dict(found)


def _summary(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # A transcript may have injected an address or a link.
    text = redact_contacts(_single_line(value, SUMMARY_MAX_CHARACTERS))
    short = textwrap.shorten(text, SUMMARY_MAX_CHARACTERS, placeholder="…")
    # shorten() reduces a single long word to the placeholder alone.
    return short if len(short) >= SUMMARY_MIN_CHARACTERS else text[:SUMMARY_MAX_CHARACTERS]


def _single_line(value: str, characters: int) -> str:
    """The text on one line, truncated to four times what will be kept, which bounds the searches in it."""
    return " ".join(clean(value).split())[: 4 * characters]


def _questions(value: Any, info: ValidationInfo) -> Any:
    if value is None:
        return ()
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return value
    questions = [_single_line(question, MAX_CHARACTERS) for question in value if isinstance(question, str)]
    redacted = [(before, redact_contacts(before)) for before in questions]
    with_contacts = sum(after != before for before, after in redacted)
    if with_contacts and info.context is not None:
        info.context["questions_with_contacts"] = with_contacts
    # A question that consists of contacts alone is dropped.
    return clean_questions(
        after for before, after in redacted if after == before or normal_form(remove_placeholders(after))
    )


def _language(value: Any) -> str:
    return normalise.language_code(value) if isinstance(value, str) else UNDETERMINED


def _sentiment(value: Any) -> Any:
    return (normalise.sentiment(value) or value) if isinstance(value, str) else value


def _category(value: Any) -> Any:
    return (normalise.category(value) or value) if isinstance(value, str) else value


def _boolean(value: Any) -> Any:
    boolean = normalise.boolean(str(value)) if isinstance(value, str | int) else None
    return value if boolean is None else boolean


class _Reply(BaseModel):
    """The fields after normalisation. Only the language may be missing; it never makes a reply unusable.

    The context of the validation is a dictionary that collects notes.
    """

    summary: Annotated[
        str, Field(min_length=SUMMARY_MIN_CHARACTERS, max_length=SUMMARY_MAX_CHARACTERS), BeforeValidator(_summary)
    ]
    questions: Annotated[tuple[str, ...], BeforeValidator(_questions)]
    language: Annotated[str, BeforeValidator(_language)] = UNDETERMINED
    sentiment: Annotated[Sentiment, BeforeValidator(_sentiment)]
    escalated: Annotated[StrictBool, BeforeValidator(_boolean)]
    forwarded_hr: Annotated[StrictBool, BeforeValidator(_boolean)]
    category: Annotated[Category, BeforeValidator(_category)]


def _label(value: Any) -> str:
    """The model's label of the language, redacted and truncated for a note."""
    text = redact_contacts(_single_line(value, _MAX_LABEL_CHARACTERS)) if isinstance(value, str) else ""
    return text[:_MAX_LABEL_CHARACTERS].rstrip()


def _notes(fields: dict[str, Any], reply: _Reply) -> dict[str, str | int]:
    notes: dict[str, str | int] = {}
    questions = [fields["questions"]] if isinstance(fields["questions"], str) else fields["questions"] or []
    if len(questions) > len(reply.questions):
        notes["questions_dropped"] = len(questions) - len(reply.questions)
    if (label := _label(fields.get("language"))) not in ("", reply.language):
        notes["language_label"] = label
    changed = [
        name
        for name, value in reply.model_dump(exclude={"questions"}).items()
        if name not in fields or type(fields[name]) is not type(value) or fields[name] != value
    ]
    if changed:
        notes["normalised"] = ", ".join(changed)
    return notes
