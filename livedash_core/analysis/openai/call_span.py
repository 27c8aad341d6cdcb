"""The span of a model call, by the semantic conventions for generative AI (OpenTelemetry 1.37), without content.

https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from urllib.parse import urlsplit
from uuid import UUID

from opentelemetry.trace import Span, SpanKind

from livedash_core.analysis.openai.completion import Completion
from livedash_core.tracing import span


def call_span(server: str, model: str, session_id: UUID | None, company_id: UUID) -> AbstractContextManager[Span]:
    """The span around one request to ``server``, a host with or without a port."""
    attributes: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        **_address(server),
        "livedash.company_id": str(company_id),
    }
    if session_id:
        attributes["livedash.session_id"] = str(session_id)
    return span(f"chat {model}", attributes, SpanKind.CLIENT)


@cache
def _address(server: str) -> dict[str, str | int]:
    address = urlsplit(f"//{server}")
    port = {"server.port": address.port} if address.port else {}
    return {"server.address": address.hostname or server, **port}


def describe_answer(current: Span, completion: Completion) -> None:
    """Add the model that answered, its tokens and why it stopped."""
    if not current.is_recording():
        return
    reply = completion.reply
    reason = "length" if reply and reply.is_cut_off else "content_filter" if reply and reply.is_filtered else None
    found = {
        "gen_ai.response.model": completion.model,
        "gen_ai.response.finish_reasons": [reason] if reason else None,
        "gen_ai.usage.input_tokens": completion.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": completion.usage.completion_tokens,
    }
    current.set_attributes({name: value for name, value in found.items() if value is not None})
