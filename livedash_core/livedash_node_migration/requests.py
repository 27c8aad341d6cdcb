"""Migrates the model requests into the cost ledger, in EUR as livedash-node recorded them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from livedash_core.bulk_insert import upsert
from livedash_core.costs import add_to_totals
from livedash_core.livedash_node_migration.ids import target_id
from livedash_core.livedash_node_migration.report import TableReport
from livedash_core.livedash_node_migration.source_database import SourceDatabase
from livedash_core.models import AiProcessingRequest
from livedash_core.status.redaction import redact

CURRENCY = "EUR"


def copy_requests(
    source: SourceDatabase, connection: Connection, chunk: str, analyzer: str, report: TableReport
) -> list[str]:
    """Copy the requests of migrated sessions, new or existing; returns the source ids of the copied ones."""
    found = {target_id(row.source_id): row for row in source.rows("requests", chunk=chunk)}
    known = set(connection.scalars(select(AiProcessingRequest.id).where(AiProcessingRequest.id.in_(found))))
    new = [
        {
            "id": request_id,
            "session_id": row.session_id,
            "company_id": row.company_id,
            "prompt_version": analyzer,
            "model_requested": row.model or "unknown",
            "model_answered": row.model if row.outcome == "answered" else None,
            "provider_request_id": row.provider_request_id,
            "service_tier": row.service_tier,
            "outcome": row.outcome,
            "error_message": row.error and redact(row.error),
            "prompt_tokens": row.prompt_tokens,
            "cached_tokens": row.cached_tokens,
            "completion_tokens": row.completion_tokens,
            "reasoning_tokens": row.reasoning_tokens,
            "cost": row.cost,
            "currency": CURRENCY,
            "requested_at": row.requested_at,
            "answered_at": row.answered_at,
            "legacy": row.legacy,
        }
        for request_id, row in found.items()
        if request_id not in known
    ]
    upsert(connection, AiProcessingRequest, new, key=["id"])
    add_to_totals(connection, [request["id"] for request in new])
    report.copied += len(new)
    report.existing += len(known)
    return [found[request["id"]].source_id for request in new]
