-- The candidates: each session with its import, and each import without a session.
-- If several sessions refer to one import, the oldest gets it. place numbers the rows of a company that share an external
-- id: rows with a session first, then by age. It all depends on the source alone, so that a second run sees the same.
WITH session AS (
    SELECT id, "companyId", "createdAt",
           CASE WHEN row_number() OVER (PARTITION BY "importId" ORDER BY "createdAt", id) = 1 THEN "importId" END
               AS "importId"
    FROM source."Session" AS session
), candidate AS (
    SELECT session.id AS session_id, imported.id AS import_id,
           coalesce(session."companyId", imported."companyId") AS company_id,
           coalesce(nullif(btrim(imported."externalSessionId"), ''), session.id, imported.id) AS external_id,
           CASE WHEN session.id IS NULL THEN imported."startTimeRaw" END AS start_time,
           CASE WHEN session.id IS NULL THEN imported."endTimeRaw" END AS end_time,
           coalesce(imported."createdAt", session."createdAt") AS created_at
    FROM session
    FULL JOIN source."SessionImport" AS imported ON imported.id = session."importId"
)
SELECT session_id, import_id, company_id, external_id, start_time, end_time,
       row_number() OVER (PARTITION BY company_id, external_id
                          ORDER BY session_id IS NULL, created_at, coalesce(session_id, import_id)) AS place
FROM candidate
ORDER BY created_at, coalesce(session_id, import_id)
