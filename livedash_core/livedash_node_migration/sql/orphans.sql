-- Rows that belong to nothing that is copied.
SELECT "table", id, 'its session does not exist' AS reason
FROM (
    SELECT 'Message' AS "table", id, "sessionId" FROM old."Message"
    UNION ALL SELECT 'SessionQuestion', id, "sessionId" FROM old."SessionQuestion"
    UNION ALL SELECT 'AIProcessingRequest', id, "sessionId" FROM old."AIProcessingRequest"
    UNION ALL SELECT 'SessionProcessingStatus', id, "sessionId" FROM old."SessionProcessingStatus"
) AS orphan
WHERE NOT EXISTS (SELECT FROM old."Session" AS session WHERE session.id = orphan."sessionId")
UNION ALL
SELECT 'Question', id, 'no session asks it'
FROM old."Question" AS orphan
WHERE NOT EXISTS (
    SELECT FROM old."SessionQuestion" AS asked
    JOIN old."Session" AS session ON session.id = asked."sessionId"
    WHERE asked."questionId" = orphan.id)
