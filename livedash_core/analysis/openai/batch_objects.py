"""The objects of OpenAI's Batch API, read leniently; pure.

Compatible servers leave fields out, or have empty texts, other types and other words in them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    NonNegativeInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from livedash_core.analysis.batches import BatchState, RemoteBatch
from livedash_core.analysis.openai.errors import IDENTIFIER
from livedash_core.parsing.text import clean
from livedash_core.parsing.values import MAX_INTEGER

#: OpenAI's words and those of compatible servers, in lower case.
_STATES: dict[str, BatchState] = {
    **dict.fromkeys(("completed", "complete", "ended", "finished", "done", "succeeded", "success"), "completed"),
    **dict.fromkeys(("failed", "error", "errored", "rejected", "invalid"), "refused"),
    **dict.fromkeys(("expired", "cancelled", "canceled", "timeout", "aborted", "partial"), "cut_short"),
}
#: The error code of a batch whose tokens do not fit into the queue.
_QUEUE_FULL = "token_limit_exceeded"


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


def _id(value: Any) -> Any:
    """A name of the server: a number is text, and an empty one is none."""
    text = str(value) if isinstance(value, str | int) else None
    return text if text and text.strip() else None


_Id = Annotated[str | None, BeforeValidator(_id)]
_Count = Annotated[int | None, WrapValidator(_or_none)]


class _Counts(BaseModel):
    total: _Count = None
    completed: _Count = None
    failed: _Count = None

    @property
    def done(self) -> int:
        """The requests that have had their turn."""
        return max(0, (self.completed or 0) + (self.failed or 0))


class _Error(BaseModel):
    code: _Id = None


class _Errors(BaseModel):
    data: Annotated[list[Annotated[_Error | None, WrapValidator(_or_none)]] | None, WrapValidator(_or_none)] = None


class _Usage(BaseModel):
    input_tokens: NonNegativeInt
    output_tokens: NonNegativeInt


class FileObject(BaseModel):
    """A file."""

    id: Annotated[str, BeforeValidator(_id)]


class BatchObject(BaseModel):
    """A batch object of the API; whatever is missing or invalid beside its id is None.

    A ``status`` that is unknown here counts as in progress, unless every request has had its turn.
    """

    id: Annotated[str, BeforeValidator(_id)]
    status: Annotated[str | None, WrapValidator(_or_none)] = None
    output_file_id: _Id = None
    error_file_id: _Id = None
    counts: Annotated[_Counts | None, WrapValidator(_or_none)] = Field(default=None, alias="request_counts")
    errors: Annotated[_Errors | None, WrapValidator(_or_none)] = None
    usage: Any = None

    def neutral(self) -> RemoteBatch:
        """The batch in the words of the contract."""
        found = (self.errors.data if self.errors else None) or []
        codes = [error.code for error in found if error is not None and error.code]
        status = clean(self.status or "unknown")
        return RemoteBatch(
            self.id,
            self._state(status),
            status,
            min(self.counts.done, MAX_INTEGER) if self.counts else 0,
            tuple(file_id for file_id in (self.output_file_id, self.error_file_id) if file_id is not None),
            self._tokens(),
            # Each code once, if it is one: free text of the server is never shown.
            tuple(dict.fromkeys(code for code in codes if IDENTIFIER.fullmatch(code))),
            is_queue_full=_QUEUE_FULL in codes,
        )

    def _state(self, status: str) -> BatchState:
        state = _STATES.get(status.strip().lower().removeprefix("batch_state_").removeprefix("job_state_"))
        if state == "refused" and self.output_file_id is not None:
            return "cut_short"  # what it has finished is paid for
        counts = self.counts
        if state is None and self.output_file_id and counts and counts.total and counts.done >= counts.total:
            return "completed"
        return state or "in_progress"

    def _tokens(self) -> tuple[int, int] | None:
        try:
            usage = _Usage.model_validate(self.usage)
        except ValidationError:
            return None
        return usage.input_tokens, usage.output_tokens


class Page(BaseModel):
    """A page of a list of files or batches."""

    data: list[dict[str, Any]]
    has_more: Annotated[bool | None, WrapValidator(_or_none)] = False
