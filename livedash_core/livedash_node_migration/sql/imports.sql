-- session_import. A session without an import gets a row that says no more than that: nothing came in a CSV.
-- Cells are text, without white space around them and NULL when empty, as an import of ours would have them: a CSV that
-- says the same is no change.
SELECT chosen.id, chosen.company_id, chosen.external_id,
       nullif(btrim(imported."startTimeRaw"), ''), nullif(btrim(imported."endTimeRaw"), ''),
       nullif(btrim(coalesce(imported."ipAddress", session."ipAddress")), ''), nullif(btrim(imported."countryCode"), ''),
       nullif(btrim(imported.language), ''), imported."messagesSent"::text, nullif(btrim(imported."sentimentRaw"), ''),
       nullif(btrim(imported."escalatedRaw"), ''), nullif(btrim(imported."forwardedHrRaw"), ''),
       nullif(btrim(coalesce(imported."fullTranscriptUrl", session."fullTranscriptUrl")), ''),
       imported."avgResponseTimeSeconds"::text, imported.tokens::text, imported."tokensEur"::text,
       nullif(btrim(imported.category), ''), nullif(imported."initialMessage", ''),
       coalesce(session."startTime" AT TIME ZONE 'UTC', chosen.started_at),
       coalesce(session."endTime" AT TIME ZONE 'UTC', chosen.ended_at),
       coalesce(imported."createdAt", session."createdAt", localtimestamp) AT TIME ZONE 'UTC',
       coalesce(imported."createdAt", session."createdAt", localtimestamp) AT TIME ZONE 'UTC',
       CASE WHEN imported.id <> chosen.id::text THEN imported.id END
FROM old.chosen AS chosen
LEFT JOIN old."SessionImport" AS imported ON imported.id = chosen.import_id
LEFT JOIN old."Session" AS session ON session.id = chosen.session_id
