"""The lines of a batch's files: written for what is asked, read leniently for what came back; pure.

A line's ``custom_id`` is the id of its ledger row. Answers come in any order, and anything may stand in a line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import httpx2
import openai
from pydantic import AfterValidator, BaseModel

from livedash_core.analysis.openai.batch_api import ENDPOINT
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.errors import Call, translated
from livedash_core.costs.ledger import CallEnd
from livedash_core.errors import ProcessingError
from livedash_core.parsing.text import clean

#: Codes of a request whose turn never came: nothing to pay, and nobody's failure.
_NOT_RUN = ("batch_expired", "batch_cancelled")


@dataclass(frozen=True, slots=True)
class AnsweredLine:
    """What a batch says of one request: the JSON of its completion, or an error; or that its turn never came."""

    row: UUID
    end: CallEnd
    body: bytes = b""
    error: ProcessingError | None = None
    has_run: bool = True


def _storable(text: str) -> str:
    return clean(text)[:200]


class _Response(BaseModel):
    status_code: int
    request_id: Annotated[str, AfterValidator(_storable)] | None = None
    body: Any = None


class _Fault(BaseModel):
    code: str | None = None


class _Line(BaseModel):
    custom_id: UUID
    response: _Response | None = None
    error: _Fault | None = None


def request_line(row: UUID, body: bytes) -> bytes:
    """One request, as OpenAI's guide to the Batch API has it; ``body`` is the JSON of a call."""
    return b'{"custom_id":"%s","method":"POST","url":"%s","body":%s}\n' % (str(row).encode(), ENDPOINT.encode(), body)


#: What a line has beside its body.
LINE_BYTES = len(request_line(UUID(int=0), b""))


def read_line(line: bytes, call: Call) -> AnsweredLine | None:
    """What a line of an output or error file says; None when it says nothing that can be read."""
    try:
        found = _Line.model_validate(json.loads(line))
    except (ValueError, RecursionError):
        return None
    code = found.error.code if found.error else None
    if found.response is not None and found.response.status_code == 200:
        body = json.dumps(found.response.body).encode()
        end = Completion.read(body).end(found.response.request_id)
        return AnsweredLine(found.custom_id, end, body)
    if code in _NOT_RUN:
        return AnsweredLine(found.custom_id, CallEnd("rejected", "its turn in the batch never came"), has_run=False)
    if found.response is not None:
        error = _error(found.response.status_code, found.response.body, call)
        request_id = found.response.request_id
    elif code is not None:
        error, request_id = _error(500, {"error": {"code": code}}, call), None
    else:
        return None
    end = CallEnd("rejected", str(error), provider_request_id=request_id)
    return AnsweredLine(found.custom_id, end, error=error)


def _error(status: int, body: Any, call: Call) -> ProcessingError:
    """Our error for a line's, by way of the one that the SDK would have raised for a call of its own."""
    response = httpx2.Response(status, request=httpx2.Request("POST", ENDPOINT))
    described = body.get("error", body) if isinstance(body, dict) else body
    return translated(openai.APIStatusError("", response=response, body=described), call)
