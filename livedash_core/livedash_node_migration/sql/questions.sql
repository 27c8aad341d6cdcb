-- What the sessions asked, in order.
SELECT chosen.id, chosen.company_id, asked.id AS old_id, asked."questionId" AS question_id, question.content
FROM old.chosen AS chosen
JOIN old."SessionQuestion" AS asked ON asked."sessionId" = chosen.session_id
LEFT JOIN old."Question" AS question ON question.id = asked."questionId"
ORDER BY chosen.id, asked."order", asked.id
