-- Rows of session_import. A session without an import gets a row without CSV values.
-- Cells are trimmed text, NULL when empty, as the CSV import stores them, so that the same CSV row is not a change.
SELECT chunk.id, chunk.company_id, chunk.external_id,
       nullif(btrim(imported."startTimeRaw"), ''), nullif(btrim(imported."endTimeRaw"), ''),
       nullif(btrim(coalesce(imported."ipAddress", session."ipAddress")), ''), nullif(btrim(imported."countryCode"), ''),
       nullif(btrim(imported.language), ''), imported."messagesSent"::text, nullif(btrim(imported."sentimentRaw"), ''),
       nullif(btrim(imported."escalatedRaw"), ''), nullif(btrim(imported."forwardedHrRaw"), ''),
       nullif(btrim(coalesce(imported."fullTranscriptUrl", session."fullTranscriptUrl")), ''),
       imported."avgResponseTimeSeconds"::text, imported.tokens::text, imported."tokensEur"::text,
       nullif(btrim(imported.category), ''), nullif(imported."initialMessage", ''),
       coalesce(session."startTime" AT TIME ZONE 'UTC', chunk.started_at),
       coalesce(session."endTime" AT TIME ZONE 'UTC', chunk.ended_at),
       coalesce(imported."createdAt", session."createdAt", localtimestamp) AT TIME ZONE 'UTC',
       coalesce(imported."createdAt", session."createdAt", localtimestamp) AT TIME ZONE 'UTC',
       CASE WHEN imported.id <> chunk.id::text THEN imported.id END
FROM source.chunk AS chunk
LEFT JOIN source."SessionImport" AS imported ON imported.id = chunk.import_id
LEFT JOIN source."Session" AS session ON session.id = chunk.session_id
