"""Writes the lines of a batch's request file and reads those of its result files; pure.

A line's ``custom_id`` is the id of its row in the ledger. Results come in any order, and a line may contain anything.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final
from uuid import UUID

import openai
from pydantic import BaseModel, BeforeValidator, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from livedash_core.analysis.batches import BatchResult
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.errors import Call, translated
from livedash_core.analysis.openai.http_library import http
from livedash_core.costs.ledger import CallEnd
from livedash_core.errors import ProcessingError
from livedash_core.parsing.text import clean

#: The endpoint that a batch calls with each of its lines.
ENDPOINT: Final = "/v1/chat/completions"
#: Error codes of a request that had no turn: nothing to pay, and no failure of its session.
_NOT_RUN = ("batch_expired", "batch_cancelled")


def _storable(value: Any) -> Any:
    return clean(str(value))[:200] if isinstance(value, str | int) else None


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


def _parsed(value: Any) -> Any:
    """Some servers encode the body a second time."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


_Code = Annotated[str | None, BeforeValidator(_storable)]


class _Response(BaseModel):
    status_code: Annotated[int | None, WrapValidator(_or_none)] = None
    request_id: _Code = None
    body: Annotated[Any, BeforeValidator(_parsed)] = None

    @property
    def status(self) -> int:
        """The status, which some servers leave out when all is well."""
        if self.status_code is not None and 100 <= self.status_code <= 599:
            return self.status_code
        return 200 if isinstance(self.body, dict) and self.body.get("choices") else 500


class _Fault(BaseModel):
    code: _Code = None


class _Line(BaseModel):
    custom_id: UUID
    response: Annotated[_Response | None, WrapValidator(_or_none)] = None
    error: Annotated[_Fault | None, BeforeValidator(lambda value: value or None), WrapValidator(_or_none)] = None


def request_line(call_id: UUID, body: bytes) -> bytes:
    """One request, as OpenAI's guide to the Batch API has it; ``body`` is the JSON of a chat completion request."""
    head = f'{{"custom_id":"{call_id}","method":"POST","url":"{ENDPOINT}","body":'
    return head.encode() + body + b"}\n"


def read_result(line: bytes, call: Call) -> BatchResult | None:
    """Read a line of an output or error file; None when it cannot be read."""
    try:
        found = _Line.model_validate(json.loads(line))
    except (ValueError, RecursionError):
        return None
    code = found.error.code if found.error else None
    if found.response is not None and found.response.status == 200:
        body = json.dumps(found.response.body).encode()
        end = Completion.read(body).end(found.response.request_id)
        return BatchResult(found.custom_id, end, body)
    if code in _NOT_RUN:
        return BatchResult(found.custom_id, CallEnd("rejected", "its turn in the batch never came"), has_run=False)
    if found.response is not None:
        error = _error(found.response.status, found.response.body, call)
        request_id = found.response.request_id
    elif code is not None:
        error, request_id = _error(500, {"error": {"code": code}}, call), None
    else:
        return None
    end = CallEnd("rejected", str(error), provider_request_id=request_id)
    return BatchResult(found.custom_id, end, error=error)


def _error(status: int, body: Any, call: Call) -> ProcessingError:
    """Translate the error of a line, through the exception that the SDK raises for the same error of a call."""
    response = http.Response(status, request=http.Request("POST", ENDPOINT))
    described = body.get("error", body) if isinstance(body, dict) else body
    return translated(openai.APIStatusError("", response=response, body=described), call)
