-- session_analysis: what the old session says, as our QUESTION_EXTRACTION reads it. Its prompt asked for questions in
-- English. What exactly was analysed is not recorded, so that no later analysis is taken for the same one.
SELECT chosen.analysis_id, chosen.id, '', %(maker)s,
       (SELECT request.model FROM old."AIProcessingRequest" AS request
        WHERE request."sessionId" = chosen.session_id AND request.success
        ORDER BY request."requestedAt" DESC, request.id LIMIT 1),
       %(maker)s,
       jsonb_build_object(
           'language', session.language, 'sentiment', session.sentiment, 'escalated', session.escalated,
           'forwarded_hr', session."forwardedHr", 'category', session.category, 'summary', session.summary,
           'questions', coalesce((
               SELECT jsonb_agg(question.content ORDER BY asked."order", asked.id)
               FROM old."SessionQuestion" AS asked
               JOIN old."Question" AS question ON question.id = asked."questionId"
               WHERE asked."sessionId" = chosen.session_id), '[]'),
           'questions_language', 'en', 'analyzer', %(maker)s::text, 'model', NULL, 'prompt_version', %(maker)s::text),
       coalesce(session."updatedAt", session."createdAt", localtimestamp) AT TIME ZONE 'UTC'
FROM old.chosen AS chosen
JOIN old."Session" AS session ON session.id = chosen.session_id
WHERE chosen.analysis_id IS NOT NULL
