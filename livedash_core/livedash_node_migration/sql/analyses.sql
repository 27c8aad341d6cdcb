-- Rows of session_analysis from the columns of the source's session, in the form that QUESTION_EXTRACTION reads. The
-- source's prompt asked for questions in English. The input hash is empty: the source does not record what was analysed,
-- and so no later analysis can match this one.
SELECT chunk.analysis_id, chunk.id, '', %(analyzer)s,
       (SELECT request.model FROM source."AIProcessingRequest" AS request
        WHERE request."sessionId" = chunk.session_id AND request.success
        ORDER BY request."requestedAt" DESC, request.id LIMIT 1),
       %(analyzer)s,
       jsonb_build_object(
           'language', session.language, 'sentiment', session.sentiment, 'escalated', session.escalated,
           'forwarded_hr', session."forwardedHr", 'category', session.category, 'summary', session.summary,
           'questions', coalesce((
               SELECT jsonb_agg(question.content ORDER BY asked."order", asked.id)
               FROM source."SessionQuestion" AS asked
               JOIN source."Question" AS question ON question.id = asked."questionId"
               WHERE asked."sessionId" = chunk.session_id), '[]'),
           'questions_language', 'en', 'analyzer', %(analyzer)s::text, 'model', NULL, 'prompt_version', %(analyzer)s::text),
       coalesce(session."updatedAt", session."createdAt", localtimestamp) AT TIME ZONE 'UTC'
FROM source.chunk AS chunk
JOIN source."Session" AS session ON session.id = chunk.session_id
WHERE chunk.analysis_id IS NOT NULL
