-- The facts that decide the status of each stage, for the sessions of a chunk.
SELECT chunk.id,
       coalesce(imported."rawTranscriptContent", '') <> '' AS has_transcript,
       coalesce(imported."fullTranscriptUrl", session."fullTranscriptUrl", '') <> '' AS has_url,
       EXISTS (SELECT FROM source."Message" AS message WHERE message."sessionId" = session.id) AS has_messages,
       coalesce(nullif(session.summary, ''), nullif(session.sentiment, ''), nullif(session.category, ''),
                nullif(session.language, '')) IS NOT NULL AS is_analysed,
       EXISTS (SELECT FROM source."SessionQuestion" AS asked WHERE asked."sessionId" = session.id) AS has_questions,
       coalesce(imported.status = 'ERROR', false) AS is_error,
       nullif(btrim(imported."errorMsg"), '') AS error,
       coalesce(session."updatedAt", imported."processedAt", session."createdAt", imported."createdAt")
           AT TIME ZONE 'UTC' AS settled_at
FROM source.chunk AS chunk
LEFT JOIN source."SessionImport" AS imported ON imported.id = chunk.import_id
LEFT JOIN source."Session" AS session ON session.id = chunk.session_id
