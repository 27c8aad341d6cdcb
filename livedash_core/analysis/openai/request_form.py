"""The form of a request that a server and its model accept, and the simpler forms that are tried when it refuses one.

Structured outputs, ``max_completion_tokens`` and the role of the instructions differ between the servers that speak
Chat Completions. No optional parameter is sent besides: a server may refuse one that it does not have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from livedash_core.analysis.openai.error_body import ErrorBody

ResponseFormat = Literal["json_schema", "json_object", "none"]
ReplyLimit = Literal["max_completion_tokens", "max_tokens", "none"]
InstructionsRole = Literal["system", "developer", "user"]
#: A part of the form that a server may refuse.
Parameter = Literal["response_format", "reply_limit", "instructions_role"]

_STEPS: dict[Parameter, tuple[str, ...]] = {
    "response_format": get_args(ResponseFormat),
    "reply_limit": get_args(ReplyLimit),
    "instructions_role": get_args(InstructionsRole),
}
_NAMES: dict[Parameter, re.Pattern[str]] = {
    "response_format": re.compile(
        r"response.?(format|schema)|json.?schema|json.?object|json.?mode|structured.?output|grammar|guided|"
        r"invalid schema|additional.?properties|\btext\.format",
        re.IGNORECASE,
    ),
    "reply_limit": re.compile(r"max_completion_tokens|max_tokens", re.IGNORECASE),
    "instructions_role": re.compile(
        r"messages\.\d+\.role|\broles?\b.{0,60}\b(system|developer)\b|\b(system|developer)\b.{0,20}\b(role|message|prompt|"
        r"instruction)|roles? must alternate|only user and assistant roles",
        re.IGNORECASE,
    ),
}
#: A message that names a parameter because of its value, which another parameter would have as well.
_VALUE = re.compile(
    r"too (large|high|big|long)|at most|exceed|maximum|(less|greater|larger|higher|bigger|more) than|range|between|<=|"
    r"≤|\blimit\b|(must|should) be (?!set|provided|specified|present|given|removed)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RequestForm:
    """How a request is written; the default is OpenAI's own form."""

    response_format: ResponseFormat = "json_schema"
    reply_limit: ReplyLimit = "max_completion_tokens"
    instructions_role: InstructionsRole = "system"

    def without(self, parameter: Parameter) -> RequestForm | None:
        """The next simpler form, without the value of ``parameter`` that was refused; None if there is none."""
        steps = _STEPS[parameter]
        next_step = steps.index(getattr(self, parameter)) + 1
        change: dict[str, Any] = {parameter: steps[next_step]} if next_step < len(steps) else {}
        return replace(self, **change) if change else None


#: The form that any server accepts; used if a refusal does not say what was refused.
SIMPLEST = RequestForm("none", "max_tokens", "user")


def refused_parameter(error: ErrorBody) -> Parameter | None:
    """The part of the form that an error objects to: by the parameter it names, otherwise by its text."""
    for parameter, name in _NAMES.items():
        if any(name.search(param) for param in error.params):
            return None if parameter == "reply_limit" and _VALUE.search(error.message) else parameter
    if any(param.startswith("messages") for param in error.params):
        return None
    for parameter, name in _NAMES.items():
        if name.search(error.message) or any(name.search(code) for code in error.codes):
            return None if parameter == "reply_limit" and _VALUE.search(error.message) else parameter
    return None
