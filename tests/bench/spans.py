"""What OpenTelemetry's spans cost the analysis, whose spans are the most: one per model call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NoOpTracer, Tracer
from pydantic import SecretStr

from livedash_core import tracing
from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.stage import StageContext
from tests.bench import instant_model_server
from tests.bench.analysis import SLOW_SECONDS, make_sessions
from tests.bench.bare_loop import KEY, MODEL
from tests.bench.database import Server
from tests.bench.harness import Row, interleaved, ratio_at_least, seconds
from tests.bench.model_server import answering
from tests.bench.stages import run_stage


def spans(server: Server) -> list[Row]:
    """sessions analysed while spans are exported, against the same without OpenTelemetry"""
    figures = _measured(server, server.scale.analysed_slowly, SLOW_SECONDS)
    at_once = _measured(server, server.scale.analysed_at_once, 0)
    work = (
        f"analysis of {server.scale.analysed_slowly:,} sessions by a model that takes 200 ms, a span per call exported"
    )
    return [
        Row(
            work,
            "sessions/s",
            [one.rate for one in figures["with"]],
            "without OpenTelemetry",
            [one.rate for one in figures["without"]],
            ratio_at_least(0.97),
        ),
        Row(
            f"CPU time of {server.scale.analysed_at_once:,} by a model that responds at once",
            "ms a session",
            [one.cpu_milliseconds for one in at_once["with"]],
            "without OpenTelemetry",
            [one.cpu_milliseconds for one in at_once["without"]],
        ),
    ]


class _Figure(NamedTuple):
    """Sessions per second, and the process's CPU time per session."""

    rate: float
    cpu_milliseconds: float


def _measured(server: Server, sessions: int, answer_seconds: float) -> dict[str, list[_Figure]]:
    with answering(answer_seconds) as url, _exporting() as exporting, server.database() as database:
        settings = Settings(analyzer="openai", model=MODEL, openai_api_key=SecretStr(KEY), openai_base_url=url)

        def figure(tracer: Tracer) -> _Figure:
            make_sessions(database, sessions)
            stage = AiAnalysis(StageContext(database.engine, settings))
            # OpenTelemetry's own tracer can be set only once in a process.
            tracing._tracer = tracer
            began = time.process_time()
            took = seconds(lambda: run_stage(database, stage, sessions))
            return _Figure(sessions / took, 1000 * (time.process_time() - began) / sessions)

        return interleaved(
            server.scale.long_rounds, {"with": lambda: figure(exporting), "without": lambda: figure(NoOpTracer())}
        )


@contextmanager
def _exporting() -> Iterator[Tracer]:
    """A tracer as Airflow makes it: spans are exported in batches by a thread."""
    with instant_model_server.answering("application/x-protobuf", "", seconds=0) as url:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
        try:
            yield provider.get_tracer("livedash_core")
        finally:
            provider.shutdown()
