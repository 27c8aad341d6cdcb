"""Parse the response of a chat completions server leniently: an unexpected value is None, never an exception.

The SDK's types cannot be used: the SDK builds them without validation, even from an error body (openai 3.54).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import openai
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from livedash_core.analysis.openai.fault import Fault, fault_in
from livedash_core.analysis.openai.http_library import http
from livedash_core.analysis.openai.model_reply import ModelReply
from livedash_core.analysis.openai.other_forms import choices_of
from livedash_core.analysis.openai.response_body import read_body
from livedash_core.analysis.openai.usage import find_usage, read_usage
from livedash_core.costs.ledger import CallEnd, Outcome, Usage
from livedash_core.parsing.text import clean


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


def _cleaned(value: Any) -> Any:
    return clean(value) if isinstance(value, str) else value


#: At most 200 characters, longer than the name of any model.
_Name = Annotated[str | None, Field(strict=True, max_length=200), BeforeValidator(_cleaned), WrapValidator(_or_none)]


class Completion(BaseModel):
    """The JSON body of a response with status 200, which may not be a completion."""

    choices: Annotated[list[Any] | None, WrapValidator(_or_none)] = None
    error: Fault | None = None
    model: _Name = None
    service_tier: _Name = None
    #: The token counts, None where the server reported none or an invalid one.
    usage: Annotated[Usage, BeforeValidator(read_usage)] = Usage()
    #: Whether the body has the form of a completion, although it may be an empty one.
    is_completion: bool = False

    @classmethod
    def read(cls, body: bytes) -> Completion:
        """Parse ``body``; every field is None if it holds no JSON object."""
        found = read_body(body)
        return cls() if found is None else cls.of(found)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Completion:
        """The completion in the JSON object ``body``."""
        form = any(key in body for key in ("choices", "usage")) or str(body.get("object")).startswith("chat.completion")
        try:
            return cls.model_validate(
                {
                    **body,
                    "choices": choices_of(body),
                    "usage": find_usage(body),
                    "error": fault_in(body),
                    "is_completion": form,
                }
            )
        except (ValueError, RecursionError):
            return cls()

    @property
    def reply(self) -> ModelReply | None:
        """What the model said: the first choice that says something, or the first one; None without a choice."""
        replies = [ModelReply.of_choice(choice) for choice in self.choices or () if isinstance(choice, Mapping)]
        return next((reply for reply in replies if reply.says_something), replies[0] if replies else None)

    def end(self, request_id: str | None) -> CallEnd:
        """How the call ended, for the ledger: ``answered`` only if there are choices or token counts."""
        outcome: Outcome = "answered" if self.choices or self.usage != Usage() else "unknown"
        if outcome == "unknown" and self.error is not None:
            # Some gateways report a refusal with status 200; any other body may hide a completion that was billed.
            outcome = "rejected"
        return CallEnd(
            outcome,
            model_answered=self.model,
            provider_request_id=request_id,
            service_tier=self.service_tier,
            usage=self.usage,
        )


def completion_in(response: http.Response) -> Completion:
    """Parse a response with status 200. Raises the SDK's exception if it is an error or no completion at all.

    It returns one that reports token counts or choices: it is billed, so its caller has to record it.
    """
    completion = Completion.read(response.content)
    is_silent = completion.reply is None or not completion.reply.says_something
    if completion.usage != Usage() or (completion.choices and not (completion.error is not None and is_silent)):
        return completion
    if completion.error is not None:
        raise completion.error.as_status_error(response)
    if not response.content.strip():
        raise openai.APIConnectionError(request=response.request)
    if not completion.is_completion:
        raise openai.APIResponseValidationError(response, None)
    return completion
