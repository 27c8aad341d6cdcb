-- Rows that belong to nothing that is copied.
SELECT 'Message' AS "table", id, 'its session does not exist' AS reason
FROM old."Message" AS orphan
WHERE NOT EXISTS (SELECT FROM old."Session" AS session WHERE session.id = orphan."sessionId")
UNION ALL
SELECT 'SessionQuestion', id, 'its session does not exist'
FROM old."SessionQuestion" AS orphan
WHERE NOT EXISTS (SELECT FROM old."Session" AS session WHERE session.id = orphan."sessionId")
UNION ALL
SELECT 'AIProcessingRequest', id, 'its session does not exist'
FROM old."AIProcessingRequest" AS orphan
WHERE NOT EXISTS (SELECT FROM old."Session" AS session WHERE session.id = orphan."sessionId")
UNION ALL
SELECT 'SessionProcessingStatus', id, 'its session does not exist'
FROM old."SessionProcessingStatus" AS orphan
WHERE NOT EXISTS (SELECT FROM old."Session" AS session WHERE session.id = orphan."sessionId")
UNION ALL
SELECT 'Question', id, 'no session asks it'
FROM old."Question" AS orphan
WHERE NOT EXISTS (
    SELECT FROM old."SessionQuestion" AS asked
    JOIN old."Session" AS session ON session.id = asked."sessionId"
    WHERE asked."questionId" = orphan.id)
