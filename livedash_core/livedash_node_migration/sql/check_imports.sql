-- Rows and checksum of the imports, as they are there. Hashes like these are the same in every version of PostgreSQL:
-- hash partitions depend on it.
SELECT count(*), coalesce(sum(hashtextextended(ROW(
           imported.id, imported."companyId", coalesce(nullif(btrim(imported."externalSessionId"), ''), chosen.external_id),
           nullif(btrim(imported."startTimeRaw"), ''), nullif(btrim(imported."endTimeRaw"), ''),
           nullif(btrim(coalesce(imported."ipAddress", session."ipAddress")), ''),
           nullif(btrim(imported."countryCode"), ''), nullif(btrim(imported.language), ''), imported."messagesSent",
           nullif(btrim(imported."sentimentRaw"), ''), nullif(btrim(imported."escalatedRaw"), ''),
           nullif(btrim(imported."forwardedHrRaw"), ''),
           nullif(btrim(coalesce(imported."fullTranscriptUrl", session."fullTranscriptUrl")), ''),
           imported."avgResponseTimeSeconds", imported.tokens, imported."tokensEur",
           nullif(btrim(imported.category), ''), nullif(imported."initialMessage", ''),
           nullif(imported."rawTranscriptContent", ''))::text, 0)), 0)
FROM old.chosen AS chosen
JOIN old."SessionImport" AS imported ON imported.id = chosen.import_id
LEFT JOIN old."Session" AS session ON session.id = chosen.session_id
