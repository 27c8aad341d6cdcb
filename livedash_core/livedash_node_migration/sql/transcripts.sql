-- session_transcript.
SELECT chosen.id, imported."rawTranscriptContent",
       coalesce(imported."processedAt", imported."createdAt", localtimestamp) AT TIME ZONE 'UTC'
FROM old.chosen AS chosen
JOIN old."SessionImport" AS imported ON imported.id = chosen.import_id
WHERE imported."rawTranscriptContent" <> ''
