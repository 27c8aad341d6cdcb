-- session: those that are one, and those imports whose SESSION_CREATION is skipped, as our own stage keeps them.
-- The model is the one that answered last: the old session does not say.
SELECT chosen.id, chosen.company_id,
       coalesce(session."startTime" AT TIME ZONE 'UTC', chosen.started_at),
       coalesce(session."endTime" AT TIME ZONE 'UTC', chosen.ended_at),
       CASE WHEN session.id IS NULL THEN imported."countryCode" ELSE session.country END, nullif(session.language, ''),
       CASE WHEN session.id IS NULL THEN imported."messagesSent" ELSE session."messagesSent" END,
       CASE WHEN session.id IS NULL THEN imported."avgResponseTimeSeconds" ELSE session."avgResponseTime" END::text,
       imported.tokens, imported."tokensEur"::text,
       CASE WHEN session.id IS NULL THEN imported."initialMessage" ELSE session."initialMsg" END,
       CASE WHEN upper(session.sentiment) = ANY (%(sentiments)s) THEN upper(session.sentiment) END,
       session.escalated, session."forwardedHr",
       CASE WHEN upper(session.category) = ANY (%(categories)s) THEN upper(session.category) END,
       nullif(session.summary, ''), chosen.analysis_id,
       CASE WHEN chosen.analysis_id IS NOT NULL THEN %(maker)s END,
       CASE WHEN chosen.analysis_id IS NOT NULL THEN answered.model END,
       CASE WHEN chosen.analysis_id IS NOT NULL THEN %(maker)s END,
       CASE WHEN chosen.analysis_id IS NOT NULL
            THEN coalesce(answered.at, session."updatedAt", session."createdAt") AT TIME ZONE 'UTC' END,
       CASE WHEN session.id <> chosen.id::text THEN session.id END
FROM old.chosen AS chosen
LEFT JOIN old."SessionImport" AS imported ON imported.id = chosen.import_id
LEFT JOIN old."Session" AS session ON session.id = chosen.session_id
LEFT JOIN LATERAL (
    SELECT request.model, coalesce(request."completedAt", request."requestedAt") AS at
    FROM old."AIProcessingRequest" AS request
    WHERE request."sessionId" = chosen.session_id AND request.success AND chosen.analysis_id IS NOT NULL
    ORDER BY request."requestedAt" DESC, request.id LIMIT 1
) AS answered ON true
WHERE chosen.is_session
