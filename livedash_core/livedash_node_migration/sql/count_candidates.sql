-- Number of rows of candidates.sql, without computing them.
SELECT (SELECT count(*) FROM source."Session" AS session)
     + (SELECT count(*) FROM source."SessionImport" AS imported
        WHERE NOT EXISTS (SELECT FROM source."Session" AS session WHERE session."importId" = imported.id)) AS candidates
