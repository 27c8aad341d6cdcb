"""A question to the model that is not about one session: instructions, and lines of data between fences."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from livedash_core.analysis.openai.chat_request import ChatRequest
from livedash_core.analysis.openai.excerpt import create_excerpt
from livedash_core.analysis.openai.token_limits import TokenLimits

if TYPE_CHECKING:
    from openai.types.shared_params import ResponseFormatJSONSchema


@dataclass(frozen=True, slots=True)
class Question:
    """What the model is asked on behalf of a company; ``schema`` is the JSON schema of its answer."""

    company_id: UUID
    instructions: str
    lines: Sequence[str]
    name: str
    schema: dict[str, Any]
    prompt_version: str
    session_id: None = None

    def request(self, max_completion_tokens: int, limits: TokenLimits) -> ChatRequest:
        """The request: the instructions, then the lines as data between two lines with the same random code."""
        fence = f"=== {secrets.token_hex(8)} ==="
        response_format: ResponseFormatJSONSchema = {
            "type": "json_schema",
            "json_schema": {"name": self.name, "strict": True, "schema": self.schema},
        }
        return _WholeRequest(
            (),
            create_excerpt((), 0),
            [
                {"role": "system", "content": self.instructions},
                {"role": "user", "content": "\n".join([fence, *self.lines, fence])},
            ],
            min(max_completion_tokens, limits.completion or max_completion_tokens),
            response_format=response_format,
            prompt_version=self.prompt_version,
        )


class _WholeRequest(ChatRequest):
    """A request whose data cannot be shortened: half of the lines would be another question."""

    __slots__ = ()

    def _cut_to(self, characters: int, max_completion_tokens: int) -> ChatRequest | None:  # noqa: ARG002 - as above
        return None
