"""Validate a model's reply and normalise it into an ``Analysis``; pure.

The checks follow the guarantees of the API: a choice, no refusal, a finish reason, content, JSON, fields (OpenAI's
structured outputs guarantee the schema only for a finished reply that is not a refusal). A reply is paid for, so it is
read wherever the object is; harmless deviations are normalised and noted. Any other is an ``UnusableReply``, whose
message quotes neither the reply nor the transcript.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StrictBool, ValidationError, ValidationInfo, model_validator

from livedash_core.analysis import normalise
from livedash_core.analysis.contract import (
    REASON_MAX_CHARACTERS,
    SUMMARY_MAX_CHARACTERS,
    SUMMARY_MIN_CHARACTERS,
    Analysis,
)
from livedash_core.analysis.masking import mask, redact_contacts, remove_placeholders
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.json_objects import Found, find_objects, read_text_value
from livedash_core.analysis.openai.model_reply import ModelReply
from livedash_core.analysis.openai.prompt import NOTHING_MISSING
from livedash_core.analysis.openai.reasoning import strip_leading_reasoning
from livedash_core.analysis.openai.reply_fields import OWN_KEYS, candidates, plain
from livedash_core.analysis.written_language import foreign_language
from livedash_core.enums import UNDETERMINED, Category, Missing, Sentiment, SessionOutcome
from livedash_core.errors import PermanentError, TransientError
from livedash_core.parsing.questions import MAX_CHARACTERS, clean_questions, normal_form
from livedash_core.parsing.text import clean

#: The longest language tag (RFC 5646, 4.4.1); names of languages are shorter.
_MAX_LABEL_CHARACTERS = 35
#: More objects than a model writes before its answer.
_MAX_CANDIDATES = 200
_NO_OBJECT = "it holds no JSON object"
_NO_CONTENT = "it has no content"


class UnusableReply(PermanentError):
    """The reply does not have the requested form. ``problems`` say why, ``content`` is the reply."""

    def __init__(self, content: str, problems: Sequence[str]) -> None:
        super().__init__(f"the model's reply is unusable: {'; '.join(problems)}")
        self.content = content
        self.problems = tuple(problems)

    @property
    def is_empty(self) -> bool:
        """Whether the reply has no content at all."""
        return not self.content.strip()


class ReplyCutOff(PermanentError):
    """The model used all of its ``max_completion_tokens``, possibly for reasoning alone (``is_empty``)."""

    def __init__(self, *, is_empty: bool = False) -> None:
        super().__init__("the model's reply exceeds its maximum tokens; choose a model that reasons less")
        self.is_empty = is_empty


def read_completion(completion: Completion, language_hint: str | None = None) -> Analysis:
    """Read the analysis in ``completion``; the caller fills in the analyzer, model and version.

    ``language_hint`` is the language if the model could not determine it. Raises ``TransientError`` (no completion),
    ``PermanentError`` (refused), ``ReplyCutOff`` or ``UnusableReply``.
    """
    reply = completion.reply
    if reply is None:
        if not completion.is_completion:
            raise TransientError("the model server answered 200 without a completion; check the base URL, and its /v1")
        raise UnusableReply("", [_NO_CONTENT])
    if reply.is_refusal:
        raise PermanentError("the model refused to analyse this conversation")
    try:
        analysis = read_reply(reply)
    except (UnusableReply, ReplyCutOff):
        if reply.is_filtered:
            raise PermanentError(
                "the model refused to analyse this conversation: its content filter stopped the reply"
            ) from None
        raise
    analysis = _with_written_language(analysis)
    language = normalise.language_code(language_hint or "")
    if analysis.language == UNDETERMINED != language:
        return replace(analysis, language=language, notes={**analysis.notes, "language": "from the import"})
    return analysis


def with_masked_numbers(analysis: Analysis, countries: Sequence[str]) -> Analysis:
    """The analysis without the personal numbers of ``countries`` in its summary, its outcome's reason and questions."""
    questions = clean_questions(
        after
        for before in analysis.questions
        if (after := mask(before, countries)) == before or normal_form(remove_placeholders(after))
    )
    summary, reason = mask(analysis.summary, countries), mask(analysis.outcome_reason, countries)
    if (summary, reason, questions) == (analysis.summary, analysis.outcome_reason, analysis.questions):
        return analysis
    return replace(analysis, summary=_summary(summary), outcome_reason=reason, questions=tuple(questions))


def _with_written_language(analysis: Analysis) -> Analysis:
    """The analysis, marked if its questions or summary are not in English."""
    questions = foreign_language("\n".join(analysis.questions))
    summary = foreign_language(analysis.summary)
    notes = {"questions_language": questions, "summary_language": summary}
    found: dict[str, str | int] = {name: language for name, language in notes.items() if language is not None}
    if not found:
        return analysis
    return replace(
        analysis, questions_language=questions or analysis.questions_language, notes={**analysis.notes, **found}
    )


def read_reply(reply: ModelReply) -> Analysis:
    """Read the analysis in the content, else in a tool call, else in the reasoning, which some servers fill instead.

    Raises ``UnusableReply`` or ``ReplyCutOff``.
    """
    sources = [("", reply.content), *(("tool call", text) for text in reversed(reply.arguments))]
    # A draft in reasoning that was cut off is no answer.
    if not reply.is_cut_off or reply.reasoning.lstrip().startswith("{"):
        sources.append(("reasoning", reply.reasoning))
    problems: list[str] = []
    for source, text in sources:
        try:
            analysis = read_content(text, is_cut_off=reply.is_cut_off)
        except UnusableReply as exc:
            if text.strip() and not problems:
                problems = list(exc.problems)
        else:
            return replace(analysis, notes=analysis.notes | {"read_from": source}) if source else analysis
    said = next((text for text in (reply.content, *reply.arguments) if text.strip()), "")
    if reply.is_cut_off:
        raise ReplyCutOff(is_empty=not said)
    raise UnusableReply(said, problems if said and problems else [_NO_CONTENT])


def read_content(content: str, *, is_cut_off: bool = False) -> Analysis:
    """Read the last valid object in the text of a reply. Raises ``UnusableReply``.

    An object that begins after it, cannot be read and does not merely repeat it makes the reply unusable: what came
    before was a draft.
    """
    text = strip_leading_reasoning(content, is_cut_off=is_cut_off)
    problems: tuple[int, list[str]] = (-1, ["it is not valid JSON"] if "{" in text else [_NO_OBJECT])
    for fields in islice(_candidates(text), _MAX_CANDIDATES):
        notes: dict[str, str | int] = {}
        try:
            reply = _Reply.model_validate({name: plain(name, fields[name]) for name in fields}, context=notes)
        except ValidationError as exc:
            said = [f"{error['loc'][0]}: {error['msg']}" for error in exc.errors(include_input=False)]
            problems = max(problems, (len(fields), said), key=lambda each: each[0])
        else:
            return Analysis(**reply.model_dump(), notes=_notes(fields, reply, notes))
    raise UnusableReply(content, problems[1])


def _candidates(text: str) -> Iterator[dict[str, Any]]:
    """The fields of the objects in ``text``, the last one first."""
    whole = read_text_value(text) if text.lstrip().startswith('"') else None
    found = find_objects(text, OWN_KEYS) if whole is None else [Found(0, len(text), whole)]
    seen = False
    for number in reversed(range(len(found))):
        start, _, value = found[number]
        if value is None:
            between = text[found[number - 1].end : start] if number else ""
            if not number or re.search(r"\w{3}", between):
                return
            continue
        fields = list(candidates(value))
        if not fields and value == {} and not seen:
            fields = [{}]
        seen = True
        yield from reversed(fields)


def _summary(value: Any) -> Any:
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


class _Reply(BaseModel):
    """The fields after normalisation. The language and what belongs to the outcome may be absent or odd; they never
    make a reply unusable. A reply to a prompt of before the outcome has none.

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
    outcome: Annotated[SessionOutcome | None, BeforeValidator(_outcome)] = None
    outcome_reason: Annotated[str, BeforeValidator(_reason)] = ""
    missing: Annotated[Missing | None, BeforeValidator(_missing)] = None

    @model_validator(mode="after")
    def _belong_to_the_outcome(self) -> _Reply:
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


def _notes(fields: dict[str, Any], reply: _Reply, notes: dict[str, str | int]) -> dict[str, str | int]:
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
