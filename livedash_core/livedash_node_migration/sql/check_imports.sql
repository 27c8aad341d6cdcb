-- Count and checksum of the imports in the source. hashtextextended returns the same in every version of PostgreSQL,
-- because hash partitions depend on it.
SELECT count(*), coalesce(sum(hashtextextended(ROW(
           imported.id, imported."companyId", coalesce(nullif(btrim(imported."externalSessionId"), ''), chunk.external_id),
           nullif(btrim(imported."startTimeRaw"), ''), nullif(btrim(imported."endTimeRaw"), ''),
           nullif(btrim(coalesce(imported."ipAddress", session."ipAddress")), ''),
           nullif(btrim(imported."countryCode"), ''), nullif(btrim(imported.language), ''), imported."messagesSent",
           nullif(btrim(imported."sentimentRaw"), ''), nullif(btrim(imported."escalatedRaw"), ''),
           nullif(btrim(imported."forwardedHrRaw"), ''),
           nullif(btrim(coalesce(imported."fullTranscriptUrl", session."fullTranscriptUrl")), ''),
           imported."avgResponseTimeSeconds", imported.tokens, imported."tokensEur",
           nullif(btrim(imported.category), ''), nullif(imported."initialMessage", ''),
           nullif(imported."rawTranscriptContent", ''))::text, 0)), 0)
FROM source.chunk AS chunk
JOIN source."SessionImport" AS imported ON imported.id = chunk.import_id
LEFT JOIN source."Session" AS session ON session.id = chunk.session_id
