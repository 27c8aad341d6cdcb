"""OpenTelemetry spans. Airflow exports those of a task when its option ``[traces] otel_on`` is set; else none is kept.

No span holds a conversation, a prompt, a reply or a server's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

_tracer = trace.get_tracer("livedash_core")


@contextmanager
def span(name: str, attributes: Mapping[str, str | int], kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
    """A span around the block, within the one around it; failed if the block raises."""
    with _tracer.start_as_current_span(
        name,
        kind=kind,
        attributes=attributes,
        # The text of an error may quote a conversation; its type is enough.
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", type(error).__qualname__)
            current.set_status(Status(StatusCode.ERROR))
            raise
