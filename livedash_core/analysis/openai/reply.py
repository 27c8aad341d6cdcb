"""Read an ``Analysis`` in a model's reply; pure.

The checks follow the guarantees of the API: a choice, no refusal, a finish reason, content, JSON, fields (OpenAI's
structured outputs guarantee the schema only for a finished reply that is not a refusal). A reply is paid for, so it is
read wherever the object is; harmless deviations are normalised and noted. Any other is an ``UnusableReply``, whose
message quotes neither the reply nor the transcript.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from pydantic import ValidationError

from livedash_core.analysis import normalise
from livedash_core.analysis.contract import Analysis
from livedash_core.analysis.masking import mask, remove_placeholders
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.json_objects import Found, find_objects, read_text_value
from livedash_core.analysis.openai.model_reply import ModelReply
from livedash_core.analysis.openai.reasoning import strip_leading_reasoning
from livedash_core.analysis.openai.reply_fields import OWN_KEYS, candidates, plain
from livedash_core.analysis.openai.reply_values import NormalisedReply, noted, short_summary
from livedash_core.analysis.written_language import foreign_language
from livedash_core.enums import UNDETERMINED
from livedash_core.errors import PermanentError, TransientError
from livedash_core.parsing.questions import clean_questions, normal_form

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
    return replace(analysis, summary=short_summary(summary), outcome_reason=reason, questions=tuple(questions))


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
            reply = NormalisedReply.model_validate({name: plain(name, fields[name]) for name in fields}, context=notes)
        except ValidationError as exc:
            said = [f"{error['loc'][0]}: {error['msg']}" for error in exc.errors(include_input=False)]
            problems = max(problems, (len(fields), said), key=lambda each: each[0])
        else:
            return Analysis(**reply.model_dump(), notes=noted(fields, reply, notes))
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
