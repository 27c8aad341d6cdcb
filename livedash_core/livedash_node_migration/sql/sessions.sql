-- Rows of session: the source's sessions, and imports whose SESSION_CREATION is skipped, as that stage stores them too.
-- The model is that of the latest successful request; the source's session does not record it.
SELECT chunk.id, chunk.company_id,
       coalesce(session."startTime" AT TIME ZONE 'UTC', chunk.started_at),
       coalesce(session."endTime" AT TIME ZONE 'UTC', chunk.ended_at),
       CASE WHEN session.id IS NULL THEN imported."countryCode" ELSE session.country END, nullif(session.language, ''),
       CASE WHEN session.id IS NULL THEN imported."messagesSent" ELSE session."messagesSent" END,
       CASE WHEN session.id IS NULL THEN imported."avgResponseTimeSeconds" ELSE session."avgResponseTime" END::text,
       imported.tokens, imported."tokensEur"::text,
       CASE WHEN session.id IS NULL THEN imported."initialMessage" ELSE session."initialMsg" END,
       CASE WHEN upper(session.sentiment) = ANY (%(sentiments)s) THEN upper(session.sentiment) END,
       session.escalated, session."forwardedHr",
       CASE WHEN upper(session.category) = ANY (%(categories)s) THEN upper(session.category) END,
       nullif(session.summary, ''), chunk.analysis_id,
       CASE WHEN chunk.analysis_id IS NOT NULL THEN %(analyzer)s END,
       CASE WHEN chunk.analysis_id IS NOT NULL THEN answered.model END,
       CASE WHEN chunk.analysis_id IS NOT NULL THEN %(analyzer)s END,
       CASE WHEN chunk.analysis_id IS NOT NULL
            THEN coalesce(answered.at, session."updatedAt", session."createdAt") AT TIME ZONE 'UTC' END,
       CASE WHEN session.id <> chunk.id::text THEN session.id END
FROM source.chunk AS chunk
LEFT JOIN source."SessionImport" AS imported ON imported.id = chunk.import_id
LEFT JOIN source."Session" AS session ON session.id = chunk.session_id
LEFT JOIN LATERAL (
    SELECT request.model, coalesce(request."completedAt", request."requestedAt") AS at
    FROM source."AIProcessingRequest" AS request
    WHERE request."sessionId" = chunk.session_id AND request.success AND chunk.analysis_id IS NOT NULL
    ORDER BY request."requestedAt" DESC, request.id LIMIT 1
) AS answered ON true
WHERE chunk.is_session
