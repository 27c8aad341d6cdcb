-- How many candidates there are (candidates.sql), without making them.
SELECT (SELECT count(*) FROM old."Session" AS session)
     + (SELECT count(*) FROM old."SessionImport" AS imported
        WHERE NOT EXISTS (SELECT FROM old."Session" AS session WHERE session."importId" = imported.id)) AS candidates
