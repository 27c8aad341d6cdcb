-- Number of questions of any session, and of questions of copied sessions.
SELECT count(DISTINCT asked."questionId") AS total,
       count(DISTINCT asked."questionId") FILTER (
           WHERE asked."sessionId" <> ALL (%(refused)s) AND asked."questionId" <> ALL (%(blank)s)) AS copied
FROM source."SessionQuestion" AS asked
JOIN source."Session" AS session ON session.id = asked."sessionId"
JOIN source."Question" AS question ON question.id = asked."questionId"
