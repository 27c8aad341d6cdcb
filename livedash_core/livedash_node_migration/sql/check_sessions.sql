-- Count and checksum of the sessions: in the source's tables, and in the target through the views of livedash_compat.
SELECT count(*), coalesce(sum(hashtextextended(ROW(
           session.id, session."companyId", session."startTime", session."endTime", session.country,
           session."avgResponseTime", session."initialMsg", nullif(session.language, ''), session."messagesSent",
           CASE WHEN upper(session.sentiment::text) = ANY (%(sentiments)s) THEN upper(session.sentiment::text) END,
           session.escalated, session."forwardedHr",
           CASE WHEN upper(session.category::text) = ANY (%(categories)s) THEN upper(session.category::text) END,
           nullif(session.summary, ''))::text, 0)), 0)
FROM source.chunk AS chunk
JOIN source."Session" AS session ON session.id = chunk.session_id
