-- Rows and checksum of the sessions: there in the old tables, here through the views that show ours under their names.
SELECT count(*), coalesce(sum(hashtextextended(ROW(
           session.id, session."companyId", session."startTime", session."endTime", session.country,
           session."avgResponseTime", session."initialMsg", nullif(session.language, ''), session."messagesSent",
           CASE WHEN upper(session.sentiment::text) = ANY (%(sentiments)s) THEN upper(session.sentiment::text) END,
           session.escalated, session."forwardedHr",
           CASE WHEN upper(session.category::text) = ANY (%(categories)s) THEN upper(session.category::text) END,
           nullif(session.summary, ''))::text, 0)), 0)
FROM old.chosen AS chosen
JOIN old."Session" AS session ON session.id = chosen.session_id
