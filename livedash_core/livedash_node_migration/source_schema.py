"""The tables of livedash-node that are read, whichever generation they are of.

The statements under ``sql/`` name a table ``old."Session"`` and find every column below in it: one that the database
at hand does not have is NULL, a table that it does not have is empty. ``"User"`` is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from psycopg import sql

_WHEN = "timestamp(3)"

#: Column → type. Enums are read as text.
TABLES: dict[str, dict[str, str]] = {
    "Company": {
        "id": "text", "name": "text", "csvUrl": "text", "csvUsername": "text", "csvPassword": "text",
        "sentimentAlert": "float8", "dashboardOpts": "jsonb", "status": "text", "createdAt": _WHEN,
    },
    "SessionImport": {
        "id": "text", "companyId": "text", "externalSessionId": "text", "startTimeRaw": "text", "endTimeRaw": "text",
        "ipAddress": "text", "countryCode": "text", "language": "text", "messagesSent": "int", "sentimentRaw": "text",
        "escalatedRaw": "text", "forwardedHrRaw": "text", "fullTranscriptUrl": "text",
        "avgResponseTimeSeconds": "float8", "tokens": "int", "tokensEur": "float8", "category": "text",
        "initialMessage": "text", "rawTranscriptContent": "text", "status": "text", "errorMsg": "text",
        "processedAt": _WHEN, "createdAt": _WHEN,
    },
    "Session": {
        "id": "text", "companyId": "text", "importId": "text", "startTime": _WHEN, "endTime": _WHEN,
        "ipAddress": "text", "country": "text", "fullTranscriptUrl": "text", "avgResponseTime": "float8",
        "initialMsg": "text", "language": "text", "messagesSent": "int", "sentiment": "text", "escalated": "bool",
        "forwardedHr": "bool", "category": "text", "summary": "text", "createdAt": _WHEN, "updatedAt": _WHEN,
    },
    "Message": {
        "id": "text", "sessionId": "text", "timestamp": _WHEN, "role": "text", "content": "text", "order": "int",
    },
    "Question": {"id": "text", "content": "text"},
    "SessionQuestion": {"id": "text", "sessionId": "text", "questionId": "text", "order": "int"},
    "AIProcessingRequest": {
        "id": "text", "sessionId": "text", "openaiRequestId": "text", "model": "text", "serviceTier": "text",
        "systemFingerprint": "text", "promptTokens": "int", "completionTokens": "int", "totalTokens": "int",
        "cachedTokens": "int", "audioTokensPrompt": "int", "reasoningTokens": "int", "audioTokensCompletion": "int",
        "acceptedPredictionTokens": "int", "rejectedPredictionTokens": "int", "promptTokenCost": "float8",
        "completionTokenCost": "float8", "totalCostEur": "float8", "processingType": "text", "success": "bool",
        "errorMessage": "text", "requestedAt": _WHEN, "completedAt": _WHEN,
    },
    "SessionProcessingStatus": {
        "id": "text", "sessionId": "text", "stage": "text", "status": "text", "startedAt": _WHEN,
        "completedAt": _WHEN, "errorMessage": "text", "retryCount": "int",
    },
    "AIModel": {"id": "text", "name": "text"},
    "AIModelPricing": {
        "id": "text", "aiModelId": "text", "promptTokenCost": "float8", "completionTokenCost": "float8",
        "effectiveFrom": _WHEN,
    },
    "CompanyAIModel": {"id": "text", "companyId": "text", "aiModelId": "text", "isDefault": "bool"},
}  # fmt: skip
#: Without these it is not livedash-node's database.
REQUIRED = ("Company", "SessionImport", "Session", "Message")

#: What Python has found out about the sessions of a chunk, and the statements refer to as ``old.chosen``.
_CHOSEN = """(SELECT * FROM jsonb_to_recordset(%(chosen)s::jsonb) AS chosen (
    id uuid, company_id uuid, external_id text, session_id text, import_id text, started_at timestamptz,
    ended_at timestamptz, is_session bool, analysis_id bigint))"""


def relations(schema: str, found: Mapping[str, set[str]]) -> dict[str, str]:
    """What stands for ``old."Session"`` in a database whose tables have the columns ``found``."""
    return {table: _relation(schema, table, columns, found.get(table, set())) for table, columns in TABLES.items()}


def _relation(schema: str, table: str, columns: Mapping[str, str], found: set[str]) -> str:
    shown = ", ".join(
        f'"{column}"::{type_} AS "{column}"' if column in found else f'NULL::{type_} AS "{column}"'
        for column, type_ in columns.items()
    )
    source = f"FROM {sql.Identifier(schema, table).as_string()}" if found else "WHERE false"
    return f"(SELECT {shown} {source})"


def resolve(statement: str, tables: Mapping[str, str]) -> str:
    """``statement`` with ``old."Session"`` and ``old.chosen`` replaced by what stands for them."""
    statement = statement.replace("old.chosen", _CHOSEN)
    return re.sub(r'old\."(\w+)"', lambda match: tables[match[1]], statement)
