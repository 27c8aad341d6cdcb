"""Spans and metrics reach a real receiver through Airflow's own OpenTelemetry settings, and hold no conversation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.airflow.conftest import airflow_at, answer_of, ask
from tests.integration.airflow.otlp_receiver import OtlpReceiver, attributes
from tests.integration.airflow.test_batches import environment
from tests.integration.records import Records
from tests.integration.stages.batch_server import BatchServer, Body, completion
from tests.integration.stages.batches import STAGE, Batches

pytestmark = pytest.mark.airflow


def telemetry(receiver: OtlpReceiver) -> dict[str, str]:
    return {
        "AIRFLOW__TRACES__OTEL_ON": "True",
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_EXPORTER": "otlp_proto_http",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
    }


def test_a_span_per_lane_and_model_call_and_gauges_per_company_without_content(
    database_url: str, records: Records, server: BatchServer, batches: Batches, airflow_home: Path
):
    sessions = batches.sessions(records.company("Acme"), 4)

    def answer(body: Body) -> tuple[int, Body]:
        asked = body["messages"][-1]["content"]
        refused = {"error": {"message": f"refused: {asked}", "type": "invalid_request_error"}}
        return (400, refused) if str(sessions[0]) in asked else (200, completion())

    server.calls_answer = answer
    with OtlpReceiver() as receiver:
        with airflow_at(airflow_home, **telemetry(receiver)) as airflow:
            ask(airflow, database_url, STAGE, "scheduled", environment=environment(server))
            assert answer_of(airflow).state == "success"
            ask(airflow, database_url, "ALERTS", "scheduled")
            assert answer_of(airflow).state == "success"

        (lane,) = receiver.spans_called("livedash.lane")
        counts = {"livedash.claimed": 4, "livedash.completed": 3, "livedash.failed": 1, "livedash.skipped": 0}
        assert attributes(lane).items() >= (counts | {"livedash.stage": STAGE}).items()
        calls = receiver.spans_called("chat gpt-4o-mini")
        assert all((call.trace_id, call.parent_span_id) == (lane.trace_id, lane.span_id) for call in calls)
        found = [attributes(call) for call in calls]
        assert {call["livedash.session_id"] for call in found} == set(map(str, sessions))
        told = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            "gen_ai.usage.input_tokens": 900,
            "gen_ai.usage.output_tokens": 80,
        }
        failed = [call for call in found if "error.type" in call]
        assert [(call["livedash.session_id"], call["error.type"]) for call in failed] == [
            (str(sessions[0]), "BadRequestError")
        ]
        assert all(call.items() >= told.items() for call in found if call not in failed)

        sessions_by_status = {
            about["status"]: value
            for about, value in receiver.metrics["airflow.livedash.sessions"]
            if (about["company"], about["stage"]) == ("Acme", STAGE)
        }
        assert sessions_by_status == {"PENDING": 0, "IN_PROGRESS": 0, "COMPLETED": 3, "FAILED": 1, "SKIPPED": 0}
        assert receiver.metrics["airflow.livedash.ai_analysis.completed"][-1][1] == 3
        assert {"airflow.livedash.oldest_due_seconds", "airflow.livedash.cost_usd"} <= receiver.metrics.keys()
        # Neither a conversation, nor a server's words that quote it, nor a reply, nor the key.
        assert not any(b"verlof" in body or b"leave" in body or b"sk-test" in body for body in receiver.bodies)
