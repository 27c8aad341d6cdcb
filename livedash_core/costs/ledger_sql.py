"""The statements of ``ledger_store``: each changes rows of the ledger and, with them, the daily totals."""

from __future__ import annotations

from sqlalchemy import text

_KEY = "day, company_id, model, mode, outcome"
_SUMMED = {
    "requests": "1",
    "unpriced": "CAST(outcome = 'answered' AND (cost IS NULL OR currency <> 'USD') AS int)",
    "unusable": "CAST(outcome = 'answered' AND error_message IS NOT NULL AS int)",
    "prompt_tokens": "prompt_tokens",
    "cached_tokens": "cached_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "completion_tokens": "completion_tokens",
    "reasoning_tokens": "reasoning_tokens",
    "cost": "CASE currency WHEN 'USD' THEN cost END",
    "max_cost": "CASE WHEN cost IS NULL THEN max_cost END",
}
#: The totals of ``signed``: rows of the ledger with the sign that they count with. Open calls do not count yet.
_TOTALS = f"""
    SELECT CAST(requested_at AT TIME ZONE 'UTC' AS date) AS day, company_id, model_requested AS model, mode, outcome,
           {", ".join(f"coalesce(sum(sign * {value}), 0) AS {name}" for name, value in _SUMMED.items())}
    FROM signed WHERE outcome <> 'sent' GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""  # noqa: S608 - names of ours only
_ADD_TO_TOTALS = f"""
    ON CONFLICT ({_KEY}) DO UPDATE
    SET {", ".join(f"{name} = daily.{name} + excluded.{name}" for name in _SUMMED)}
"""  # noqa: S608 - names of ours only


def _update(changes: str, condition: str, assignments: str) -> str:
    """Update the calls in ``changes`` (a query) that meet ``condition``; the statement returns their ids."""
    return f"""
        WITH change AS ({changes}), before AS MATERIALIZED (
            SELECT request.* FROM livedash.ai_processing_request AS request JOIN change USING (id)
            WHERE {condition} ORDER BY request.id FOR UPDATE OF request
        ), after AS (
            UPDATE livedash.ai_processing_request AS request SET {assignments}
            FROM change JOIN before USING (id) WHERE request.id = change.id
            RETURNING request.*
        ), signed AS (
            SELECT 1 AS sign, after.* FROM after UNION ALL SELECT -1, before.* FROM before
        ), added AS (
            INSERT INTO livedash.ai_cost_daily AS daily ({_KEY}, {", ".join(_SUMMED)}) {_TOTALS} {_ADD_TO_TOTALS}
        )
        SELECT id FROM after
    """  # noqa: S608 - statements of ours only


def _parameter_rows(**types: str) -> str:
    """A query whose rows are the elements of array parameters, one parameter per column."""
    arrays = ", ".join(f"CAST(:{name} AS {type_}[])" for name, type_ in types.items())
    return f"SELECT * FROM unnest({arrays}) AS row ({', '.join(types)})"  # noqa: S608 - names of ours only


_END_COLUMNS = {
    "outcome": "text",
    "error_message": "text",
    "model_answered": "text",
    "provider_request_id": "text",
    "service_tier": "text",
    "prompt_tokens": "int",
    "cached_tokens": "int",
    "cache_write_tokens": "int",
    "completion_tokens": "int",
    "reasoning_tokens": "int",
    "pricing_id": "int8",
    "cost": "numeric",
}
CLOSE = text(
    _update(
        _parameter_rows(id="uuid", **_END_COLUMNS),
        "request.outcome = 'sent'",
        "answered_at = now(), " + ", ".join(f"{name} = change.{name}" for name in _END_COLUMNS),
    )
)
MARK_UNUSABLE = text(
    _update(
        _parameter_rows(id="uuid", error_message="text"),
        "request.outcome <> 'sent'",
        "error_message = change.error_message",
    )
)
PRICE = text(
    _update(
        _parameter_rows(id="uuid", pricing_id="int8", cost="numeric"),
        "request.outcome = 'answered' AND request.cost IS NULL",
        "pricing_id = change.pricing_id, cost = change.cost",
    )
)
ABANDON = text(
    _update(
        "SELECT id FROM livedash.ai_processing_request WHERE outcome = 'sent' AND mode = 'realtime' "
        "AND requested_at < now() - make_interval(secs => :older_than_seconds)",
        "request.outcome = 'sent'",
        "outcome = 'unknown', answered_at = now(), error_message = 'the process that made this call was killed'",
    )
)
ADD_REUSED = text(
    f"""
    INSERT INTO livedash.ai_cost_daily AS daily ({_KEY}, {", ".join(_SUMMED)})
    SELECT CAST(now() AT TIME ZONE 'UTC' AS date), company_id, model, 'realtime', 'reused', requests
           {", 0" * (len(_SUMMED) - 1)}
    FROM unnest(CAST(:company_id AS uuid[]), CAST(:model AS text[]), CAST(:requests AS int8[]))
         AS reused (company_id, model, requests)
    {_ADD_TO_TOTALS}
    """  # noqa: S608 - names of ours only
)
ADD_TO_TOTALS = text(
    f"""
    WITH signed AS (
        SELECT 1 AS sign, * FROM livedash.ai_processing_request WHERE id = ANY (CAST(:id AS uuid[]))
    )
    INSERT INTO livedash.ai_cost_daily AS daily ({_KEY}, {", ".join(_SUMMED)}) {_TOTALS} {_ADD_TO_TOTALS}
    """  # noqa: S608 - names of ours only
)
RECOUNT = text(
    f"WITH signed AS (SELECT 1 AS sign, * FROM livedash.ai_processing_request) {_TOTALS}"  # noqa: S608 - as above
)
