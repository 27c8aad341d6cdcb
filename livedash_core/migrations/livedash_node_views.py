"""Views that present LiveDash's data as livedash-node's tables, for reports that read the old schema."""

from __future__ import annotations

#: The enum types of livedash-node's schema; Prisma's filters cast to them. A migration has its own copy of the values.
ENUMS = {
    "SentimentCategory": ("POSITIVE", "NEUTRAL", "NEGATIVE"),
    "SessionCategory": (
        "SCHEDULE_HOURS",
        "LEAVE_VACATION",
        "SICK_LEAVE_RECOVERY",
        "SALARY_COMPENSATION",
        "CONTRACT_HOURS",
        "ONBOARDING",
        "OFFBOARDING",
        "WORKWEAR_STAFF_PASS",
        "TEAM_CONTACTS",
        "PERSONAL_QUESTIONS",
        "ACCESS_LOGIN",
        "SOCIAL_QUESTIONS",
        "UNRECOGNIZED_OTHER",
    ),
    "CompanyStatus": ("ACTIVE", "SUSPENDED", "TRIAL", "ARCHIVED"),
    "ImportStatus": ("QUEUED", "PROCESSING", "DONE", "ERROR"),
    "ProcessingStage": ("CSV_IMPORT", "TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION"),
    "ProcessingStatus": ("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "SKIPPED"),
}

# livedash-node's ids are text. A lookup by id uses an index on that text; rows of a session or company are found
# through it, so every view joins it. A top-level WITH makes a view read-only; PostgreSQL can update the table behind a
# simple view.
VIEWS = {
    "Company": """
        WITH company AS (SELECT * FROM livedash.company)
        SELECT coalesce(legacy ->> 'id', id::text) AS "id",
               name AS "name",
               coalesce(csv_url, '') AS "csvUrl",
               NULL::text AS "csvUsername",
               NULL::text AS "csvPassword",
               (legacy ->> 'sentimentAlert')::float8 AS "sentimentAlert",
               legacy -> 'dashboardOpts' AS "dashboardOpts",
               status::livedash_compat."CompanyStatus" AS "status",
               (created_at AT TIME ZONE 'UTC')::timestamp(3) AS "createdAt",
               (created_at AT TIME ZONE 'UTC')::timestamp(3) AS "updatedAt"
        FROM company
    """,
    "Session": """
        SELECT coalesce(session.legacy_id, session.id::text) AS "id",
               coalesce(company.legacy ->> 'id', company.id::text) AS "companyId",
               coalesce(imported.legacy_id, imported.id::text) AS "importId",
               (session.started_at AT TIME ZONE 'UTC')::timestamp(3) AS "startTime",
               (session.ended_at AT TIME ZONE 'UTC')::timestamp(3) AS "endTime",
               imported.ip_address AS "ipAddress",
               session.country AS "country",
               imported.full_transcript_url AS "fullTranscriptUrl",
               session.avg_response_time_seconds::float8 AS "avgResponseTime",
               session.initial_message AS "initialMsg",
               session.language AS "language",
               session.messages_sent AS "messagesSent",
               session.sentiment::livedash_compat."SentimentCategory" AS "sentiment",
               session.escalated AS "escalated",
               session.forwarded_hr AS "forwardedHr",
               session.category::livedash_compat."SessionCategory" AS "category",
               session.summary AS "summary",
               session.analyzed_at IS NOT NULL AS "processed",
               (imported.imported_at AT TIME ZONE 'UTC')::timestamp(3) AS "createdAt",
               (coalesce(session.analyzed_at, imported.changed_at) AT TIME ZONE 'UTC')::timestamp(3) AS "updatedAt"
        FROM livedash.session
        JOIN livedash.session_import AS imported ON imported.id = session.id
        JOIN livedash.company ON company.id = session.company_id
    """,
    # "status", "errorMsg" and "processedAt" exist only before livedash-node's refactor.
    "SessionImport": """
        SELECT coalesce(imported.legacy_id, imported.id::text) AS "id",
               coalesce(company.legacy ->> 'id', company.id::text) AS "companyId",
               imported.external_session_id AS "externalSessionId",
               coalesce(imported.start_time, '') AS "startTimeRaw",
               coalesce(imported.end_time, '') AS "endTimeRaw",
               imported.ip_address AS "ipAddress",
               imported.country_code AS "countryCode",
               imported.language AS "language",
               CASE WHEN imported.messages_sent ~ '^[0-9]{1,9}$' THEN imported.messages_sent::int END AS "messagesSent",
               imported.sentiment AS "sentimentRaw",
               imported.escalated AS "escalatedRaw",
               imported.forwarded_hr AS "forwardedHrRaw",
               imported.full_transcript_url AS "fullTranscriptUrl",
               CASE WHEN imported.avg_response_time_seconds ~ '^-?[0-9]{1,15}([.][0-9]{1,15})?$'
                    THEN imported.avg_response_time_seconds::float8 END AS "avgResponseTimeSeconds",
               CASE WHEN imported.tokens ~ '^[0-9]{1,9}$' THEN imported.tokens::int END AS "tokens",
               CASE WHEN imported.tokens_eur ~ '^-?[0-9]{1,15}([.][0-9]{1,15})?(e-[0-9]{1,2})?$'
                    THEN imported.tokens_eur::float8 END AS "tokensEur",
               imported.category AS "category",
               imported.initial_message AS "initialMessage",
               (SELECT content FROM livedash.session_transcript WHERE session_id = imported.id)
                   AS "rawTranscriptContent",
               (SELECT CASE WHEN bool_or(status = 'FAILED') THEN 'ERROR'
                            WHEN bool_and(status IN ('COMPLETED', 'SKIPPED')) THEN 'DONE'
                            WHEN bool_or(status = 'IN_PROGRESS') THEN 'PROCESSING'
                            ELSE 'QUEUED' END
                FROM livedash.session_processing_status
                WHERE session_id = imported.id AND stage IN ('CSV_IMPORT', 'TRANSCRIPT_FETCH', 'SESSION_CREATION')
               )::livedash_compat."ImportStatus" AS "status",
               (SELECT error_message FROM livedash.session_processing_status
                WHERE session_id = imported.id AND stage IN ('CSV_IMPORT', 'TRANSCRIPT_FETCH', 'SESSION_CREATION')
                  AND status = 'FAILED'
                ORDER BY completed_at DESC LIMIT 1) AS "errorMsg",
               (SELECT (completed_at AT TIME ZONE 'UTC')::timestamp(3) FROM livedash.session_processing_status
                WHERE session_id = imported.id AND stage = 'SESSION_CREATION') AS "processedAt",
               (imported.imported_at AT TIME ZONE 'UTC')::timestamp(3) AS "createdAt"
        FROM livedash.session_import AS imported
        JOIN livedash.company ON company.id = imported.company_id
    """,
    "Message": """
        SELECT coalesce(session.legacy_id, session.id::text) || ':m' || message.position AS "id",
               coalesce(session.legacy_id, session.id::text) AS "sessionId",
               (message.sent_at AT TIME ZONE 'UTC')::timestamp(3) AS "timestamp",
               message.role AS "role",
               message.content AS "content",
               message.position - 1 AS "order",
               (message.sent_at AT TIME ZONE 'UTC')::timestamp(3) AS "createdAt"
        FROM livedash.message
        JOIN livedash.session ON session.id = message.session_id
    """,
    "Question": """
        WITH question AS (SELECT * FROM livedash.question)
        SELECT coalesce(question.legacy_id, question.id::text) AS "id",
               question.content AS "content",
               (company.created_at AT TIME ZONE 'UTC')::timestamp(3) AS "createdAt"
        FROM question
        JOIN livedash.company ON company.id = question.company_id
    """,
    "SessionQuestion": """
        SELECT coalesce(session.legacy_id, session.id::text) || ':q' || asked.position AS "id",
               coalesce(session.legacy_id, session.id::text) AS "sessionId",
               coalesce(question.legacy_id, question.id::text) AS "questionId",
               asked.position - 1 AS "order",
               (coalesce(session.analyzed_at, session.ended_at) AT TIME ZONE 'UTC')::timestamp(3) AS "createdAt"
        FROM livedash.session_question AS asked
        JOIN livedash.session ON session.id = asked.session_id
        JOIN livedash.question ON question.id = asked.question_id
    """,
    # A cost in another currency than EUR is NULL.
    "AIProcessingRequest": """
        SELECT coalesce(request.legacy ->> 'id', request.id::text) AS "id",
               coalesce(session.legacy_id, session.id::text) AS "sessionId",
               request.provider_request_id AS "openaiRequestId",
               coalesce(request.model_answered, request.model_requested) AS "model",
               request.service_tier AS "serviceTier",
               request.legacy ->> 'systemFingerprint' AS "systemFingerprint",
               coalesce(request.prompt_tokens, 0) AS "promptTokens",
               coalesce(request.completion_tokens, 0) AS "completionTokens",
               coalesce((request.legacy ->> 'totalTokens')::int,
                        coalesce(request.prompt_tokens, 0) + coalesce(request.completion_tokens, 0)) AS "totalTokens",
               request.cached_tokens AS "cachedTokens",
               (request.legacy ->> 'audioTokensPrompt')::int AS "audioTokensPrompt",
               request.reasoning_tokens AS "reasoningTokens",
               (request.legacy ->> 'audioTokensCompletion')::int AS "audioTokensCompletion",
               (request.legacy ->> 'acceptedPredictionTokens')::int AS "acceptedPredictionTokens",
               (request.legacy ->> 'rejectedPredictionTokens')::int AS "rejectedPredictionTokens",
               (request.legacy ->> 'promptTokenCost')::float8 AS "promptTokenCost",
               (request.legacy ->> 'completionTokenCost')::float8 AS "completionTokenCost",
               CASE WHEN request.currency = 'EUR' THEN request.cost::float8 END AS "totalCostEur",
               coalesce(request.legacy ->> 'processingType', 'session_analysis') AS "processingType",
               request.outcome = 'answered' AND request.error_message IS NULL AS "success",
               request.error_message AS "errorMessage",
               (request.requested_at AT TIME ZONE 'UTC')::timestamp(3) AS "requestedAt",
               (request.answered_at AT TIME ZONE 'UTC')::timestamp(3) AS "completedAt"
        FROM livedash.ai_processing_request AS request
        JOIN livedash.session ON session.id = request.session_id
    """,
    # The enum type has no values for added stages.
    "SessionProcessingStatus": """
        SELECT coalesce(session.legacy_id, session.id::text) || ':' || status.stage AS "id",
               coalesce(session.legacy_id, session.id::text) AS "sessionId",
               status.stage::livedash_compat."ProcessingStage" AS "stage",
               status.status::livedash_compat."ProcessingStatus" AS "status",
               (status.started_at AT TIME ZONE 'UTC')::timestamp(3) AS "startedAt",
               (status.completed_at AT TIME ZONE 'UTC')::timestamp(3) AS "completedAt",
               coalesce(status.error_message, CASE WHEN status.status = 'SKIPPED' THEN status.metadata ->> 'reason' END)
                   AS "errorMessage",
               CASE WHEN status.status = 'FAILED' THEN status.attempts::int ELSE greatest(status.attempts - 1, 0) END
                   AS "retryCount",
               status.metadata AS "metadata"
        FROM livedash.session
        JOIN livedash.session_processing_status AS status ON status.session_id = session.id
        WHERE status.stage IN (
            'CSV_IMPORT', 'TRANSCRIPT_FETCH', 'SESSION_CREATION', 'AI_ANALYSIS', 'QUESTION_EXTRACTION')
    """,
}
