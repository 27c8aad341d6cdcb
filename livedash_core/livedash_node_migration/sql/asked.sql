-- How many questions sessions ask at all, and how many of them sessions that are copied do.
SELECT count(DISTINCT asked."questionId") AS at_all,
       count(DISTINCT asked."questionId") FILTER (
           WHERE asked."sessionId" <> ALL (%(refused)s) AND asked."questionId" <> ALL (%(wordless)s)) AS taken_over
FROM old."SessionQuestion" AS asked
JOIN old."Session" AS session ON session.id = asked."sessionId"
JOIN old."Question" AS question ON question.id = asked."questionId"
