"""The tables and columns of livedash-node that are read, before and after its refactor.

The statements under ``sql/`` refer to a table as ``source."Session"``, with all columns listed here: a column that the
source does not have is NULL, a missing table is empty. ``"User"`` is never read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from psycopg import sql

_TIMESTAMP = "timestamp(3)"

#: Column → type. Enums are read as text.
TABLES: dict[str, dict[str, str]] = {
    "Company": {
        "id": "text", "name": "text", "csvUrl": "text", "csvUsername": "text", "csvPassword": "text",
        "sentimentAlert": "float8", "dashboardOpts": "jsonb", "status": "text", "createdAt": _TIMESTAMP,
    },
    "SessionImport": {
        "id": "text", "companyId": "text", "externalSessionId": "text", "startTimeRaw": "text", "endTimeRaw": "text",
        "ipAddress": "text", "countryCode": "text", "language": "text", "messagesSent": "int", "sentimentRaw": "text",
        "escalatedRaw": "text", "forwardedHrRaw": "text", "fullTranscriptUrl": "text",
        "avgResponseTimeSeconds": "float8", "tokens": "int", "tokensEur": "float8", "category": "text",
        "initialMessage": "text", "rawTranscriptContent": "text", "status": "text", "errorMsg": "text",
        "processedAt": _TIMESTAMP, "createdAt": _TIMESTAMP,
    },
    "Session": {
        "id": "text", "companyId": "text", "importId": "text", "startTime": _TIMESTAMP, "endTime": _TIMESTAMP,
        "ipAddress": "text", "country": "text", "fullTranscriptUrl": "text", "avgResponseTime": "float8",
        "initialMsg": "text", "language": "text", "messagesSent": "int", "sentiment": "text", "escalated": "bool",
        "forwardedHr": "bool", "category": "text", "summary": "text", "createdAt": _TIMESTAMP, "updatedAt": _TIMESTAMP,
    },
    "Message": {
        "id": "text", "sessionId": "text", "timestamp": _TIMESTAMP, "role": "text", "content": "text", "order": "int",
    },
    "Question": {"id": "text", "content": "text"},
    "SessionQuestion": {"id": "text", "sessionId": "text", "questionId": "text", "order": "int"},
    "AIProcessingRequest": {
        "id": "text", "sessionId": "text", "openaiRequestId": "text", "model": "text", "serviceTier": "text",
        "systemFingerprint": "text", "promptTokens": "int", "completionTokens": "int", "totalTokens": "int",
        "cachedTokens": "int", "audioTokensPrompt": "int", "reasoningTokens": "int", "audioTokensCompletion": "int",
        "acceptedPredictionTokens": "int", "rejectedPredictionTokens": "int", "promptTokenCost": "float8",
        "completionTokenCost": "float8", "totalCostEur": "float8", "processingType": "text", "success": "bool",
        "errorMessage": "text", "requestedAt": _TIMESTAMP, "completedAt": _TIMESTAMP,
    },
    "SessionProcessingStatus": {
        "id": "text", "sessionId": "text", "stage": "text", "status": "text", "startedAt": _TIMESTAMP,
        "completedAt": _TIMESTAMP, "errorMessage": "text", "retryCount": "int",
    },
    "AIModel": {"id": "text", "name": "text"},
    "AIModelPricing": {
        "id": "text", "aiModelId": "text", "promptTokenCost": "float8", "completionTokenCost": "float8",
        "effectiveFrom": _TIMESTAMP,
    },
    "CompanyAIModel": {"id": "text", "companyId": "text", "aiModelId": "text", "isDefault": "bool"},
}  # fmt: skip
#: Tables that every generation has.
REQUIRED = ("Company", "SessionImport", "Session", "Message")

#: The relation ``source.chunk``: the sessions of a chunk, passed as JSON (``candidates.chunk_json``).
_CHUNK_RELATION = """(SELECT * FROM jsonb_to_recordset(%(chunk)s::jsonb) AS chunk (
    id uuid, company_id uuid, external_id text, session_id text, import_id text, started_at timestamptz,
    ended_at timestamptz, is_session bool, analysis_id bigint))"""


def relations(schema: str, found: Mapping[str, set[str]]) -> dict[str, str]:
    """Return the subquery for each ``source."Table"``, given the columns that the tables have."""
    return {table: _relation(schema, table, columns, found.get(table, set())) for table, columns in TABLES.items()}


def _relation(schema: str, table: str, columns: Mapping[str, str], found: set[str]) -> str:
    shown = ", ".join(
        f'"{column}"::{type_} AS "{column}"' if column in found else f'NULL::{type_} AS "{column}"'
        for column, type_ in columns.items()
    )
    source = f"FROM {sql.Identifier(schema, table).as_string()}" if found else "WHERE false"
    return f"(SELECT {shown} {source})"


def resolve(statement: str, tables: Mapping[str, str]) -> str:
    """Replace ``source."Table"`` and ``source.chunk`` in a statement by their subqueries."""
    statement = statement.replace("source.chunk", _CHUNK_RELATION)
    return re.sub(r'source\."(\w+)"', lambda match: tables[match[1]], statement)
