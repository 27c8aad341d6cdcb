-- What the states of the stages follow from, for sessions that come here.
SELECT chosen.id,
       coalesce(imported."rawTranscriptContent", '') <> '' AS has_transcript,
       coalesce(imported."fullTranscriptUrl", session."fullTranscriptUrl", '') <> '' AS has_url,
       EXISTS (SELECT FROM old."Message" AS message WHERE message."sessionId" = session.id) AS has_messages,
       coalesce(nullif(session.summary, ''), nullif(session.sentiment, ''), nullif(session.category, ''),
                nullif(session.language, '')) IS NOT NULL AS is_analysed,
       EXISTS (SELECT FROM old."SessionQuestion" AS asked WHERE asked."sessionId" = session.id) AS has_questions,
       coalesce(imported.status = 'ERROR', false) AS is_error,
       nullif(btrim(imported."errorMsg"), '') AS error,
       coalesce(session."updatedAt", imported."processedAt", session."createdAt", imported."createdAt")
           AT TIME ZONE 'UTC' AS settled_at
FROM old.chosen AS chosen
LEFT JOIN old."SessionImport" AS imported ON imported.id = chosen.import_id
LEFT JOIN old."Session" AS session ON session.id = chosen.session_id
