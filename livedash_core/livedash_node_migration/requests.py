"""What the sessions cost: rows of the ledger, in EUR as livedash-node counted them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from livedash_core.bulk_insert import upsert
from livedash_core.costs.ledger_store import add_to_totals
from livedash_core.livedash_node_migration.ids import our_id
from livedash_core.livedash_node_migration.report import TableReport
from livedash_core.livedash_node_migration.source_database import SourceDatabase
from livedash_core.models import AiProcessingRequest
from livedash_core.status.redaction import presentable

CURRENCY = "EUR"


def copy_requests(
    old: SourceDatabase, connection: Connection, chosen: str, maker: str, report: TableReport
) -> list[str]:
    """Add the requests of sessions that are here, new ones or not; returns the old ids of those copied."""
    found = {our_id(row.old_id): row for row in old.rows("requests", chosen=chosen)}
    known = set(connection.scalars(select(AiProcessingRequest.id).where(AiProcessingRequest.id.in_(found))))
    new = [
        {
            "id": request_id,
            "session_id": row.session_id,
            "company_id": row.company_id,
            "prompt_version": maker,
            "model_requested": row.model or "unknown",
            "model_answered": row.model if row.outcome == "answered" else None,
            "provider_request_id": row.provider_request_id,
            "service_tier": row.service_tier,
            "outcome": row.outcome,
            "error_message": row.error and presentable(row.error),
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
    report.here += len(known)
    return [found[request["id"]].old_id for request in new]
