-- FAILED stages of sessions, the newest failure first.
SELECT failed.session_id, failed.stage, failed.company_id, company.name AS company, session.external_session_id,
       failed.attempts, failed.error_kind, failed.error_message, failed.completed_at AS failed_at
FROM (
-- include: failed_{reach}
) AS failed
JOIN livedash.company ON company.id = failed.company_id
JOIN livedash.session_import AS session ON session.id = failed.session_id
ORDER BY failed.completed_at DESC, failed.session_id
LIMIT :limit
