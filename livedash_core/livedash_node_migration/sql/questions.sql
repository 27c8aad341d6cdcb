-- The questions of the sessions, in order.
SELECT chunk.id, chunk.company_id, asked.id AS source_id, asked."questionId" AS question_id, question.content
FROM source.chunk AS chunk
JOIN source."SessionQuestion" AS asked ON asked."sessionId" = chunk.session_id
LEFT JOIN source."Question" AS question ON question.id = asked."questionId"
ORDER BY chunk.id, asked."order", asked.id
