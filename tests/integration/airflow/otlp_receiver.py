"""A receiver of OpenTelemetry's protocol over HTTP: it keeps the spans and the metrics that it is sent."""

from __future__ import annotations

import gzip
from collections import defaultdict
from http.server import BaseHTTPRequestHandler
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.stages.loopback_server import LoopbackServer


def attributes(of: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in of.attributes}


class OtlpReceiver(LoopbackServer):
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.spans: list[Any] = []
        #: Name → each point's attributes and its value.
        self.metrics: dict[str, list[tuple[dict[str, Any], float]]] = defaultdict(list)

    @property
    def endpoint(self) -> str:
        return self.url.removesuffix("/v1")

    def spans_called(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]

    def receive(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
            return
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                kind = metric.WhichOneof("data")
                if kind in ("gauge", "sum"):
                    for point in getattr(metric, kind).data_points:
                        value = getattr(point, point.WhichOneof("value"))
                        self.metrics[metric.name].append((attributes(point), value))

    def handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.receive(
                    self.path, gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                )
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        return Handler
