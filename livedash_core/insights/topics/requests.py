"""A change to topics as a page or another program requests it: an object with a verb, ids and a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import Connection

from livedash_core.errors import UsageError
from livedash_core.insights.topics import curation

_Id = Annotated[int, Field(ge=1, lt=2**63)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Rename(_Request):
    verb: Literal["rename"]
    topic: _Id
    name: Annotated[str, Field(max_length=500)]


class _Merge(_Request):
    verb: Literal["merge"]
    topic: _Id
    into: _Id


class _Split(_Request):
    verb: Literal["split"]
    topic: _Id
    questions: Annotated[list[_Id], Field(max_length=1000)]
    name: Annotated[str, Field(max_length=500)] | None = None


class _Move(_Request):
    verb: Literal["move"]
    question: _Id
    topic: _Id


class _Mark(_Request):
    verb: Literal["pin", "unpin", "hide", "unhide"]
    topic: _Id


class _Decide(_Request):
    verb: Literal["accept", "reject"]
    first: _Id
    second: _Id


class _Undo(_Request):
    verb: Literal["undo"]
    change: _Id


_ANY: TypeAdapter[Any] = TypeAdapter(
    Annotated[_Rename | _Merge | _Split | _Move | _Mark | _Decide | _Undo, Field(discriminator="verb")]
)


def apply_request(connection: Connection, request: Mapping[str, Any], *, by: str) -> int:
    """Apply a requested change; returns the id of its row in the log. Raises ``UsageError`` if it is invalid."""
    try:
        change = _ANY.validate_python(request)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise UsageError(f"the change cannot be read: {where}: {problem['msg']}"[:500]) from error
    match change:
        case _Rename():
            return curation.rename(connection, change.topic, change.name, by=by)
        case _Merge():
            return curation.merge(connection, change.topic, change.into, by=by)
        case _Split():
            return curation.split(connection, change.topic, change.questions, by=by, name=change.name)
        case _Move():
            return curation.move(connection, change.question, change.topic, by=by)
        case _Mark(verb="pin" | "unpin"):
            return curation.mark(connection, change.topic, by=by, pinned=change.verb == "pin")
        case _Mark():
            return curation.mark(connection, change.topic, by=by, hidden=change.verb == "hide")
        case _Decide():
            return curation.decide(connection, change.first, change.second, same=change.verb == "accept", by=by)
        case _:
            return curation.undo(connection, change.change, by=by)
