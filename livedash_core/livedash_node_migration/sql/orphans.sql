-- Rows without the session that they refer to, and questions that no session asks.
SELECT "table", id, 'its session does not exist' AS reason
FROM (
    SELECT 'Message' AS "table", id, "sessionId" FROM source."Message"
    UNION ALL SELECT 'SessionQuestion', id, "sessionId" FROM source."SessionQuestion"
    UNION ALL SELECT 'AIProcessingRequest', id, "sessionId" FROM source."AIProcessingRequest"
    UNION ALL SELECT 'SessionProcessingStatus', id, "sessionId" FROM source."SessionProcessingStatus"
) AS orphan
WHERE NOT EXISTS (SELECT FROM source."Session" AS session WHERE session.id = orphan."sessionId")
UNION ALL
SELECT 'Question', id, 'no session asks it'
FROM source."Question" AS orphan
WHERE NOT EXISTS (
    SELECT FROM source."SessionQuestion" AS asked
    JOIN source."Session" AS session ON session.id = asked."sessionId"
    WHERE asked."questionId" = orphan.id)
