-- Rows of session_transcript.
SELECT chunk.id, imported."rawTranscriptContent",
       coalesce(imported."processedAt", imported."createdAt", localtimestamp) AT TIME ZONE 'UTC'
FROM source.chunk AS chunk
JOIN source."SessionImport" AS imported ON imported.id = chunk.import_id
WHERE imported."rawTranscriptContent" <> ''
