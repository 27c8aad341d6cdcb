-- The rows of check_imports.sql, read from the target.
SELECT count(*), coalesce(sum(hashtextextended(ROW(
           coalesce(imported.legacy_id, imported.id::text), coalesce(company.legacy ->> 'id', company.id::text),
           imported.external_session_id, imported.start_time, imported.end_time, imported.ip_address,
           imported.country_code, imported.language, imported.messages_sent::int, imported.sentiment,
           imported.escalated, imported.forwarded_hr, imported.full_transcript_url,
           imported.avg_response_time_seconds::float8, imported.tokens::int, imported.tokens_eur::float8,
           imported.category, imported.initial_message, transcript.content)::text, 0)), 0)
FROM source.chunk AS chunk
JOIN livedash.session_import AS imported ON imported.id = chunk.id
JOIN livedash.company ON company.id = imported.company_id
LEFT JOIN livedash.session_transcript AS transcript ON transcript.session_id = imported.id
WHERE chunk.import_id IS NOT NULL
