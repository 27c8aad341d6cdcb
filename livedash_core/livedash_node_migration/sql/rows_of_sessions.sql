-- How many rows belong to sessions, by table.
SELECT (SELECT count(*) FROM old."Message" AS row WHERE row."sessionId" = ANY (%(ids)s)) AS "Message",
       (SELECT count(*) FROM old."SessionQuestion" AS row WHERE row."sessionId" = ANY (%(ids)s)) AS "SessionQuestion",
       (SELECT count(*) FROM old."AIProcessingRequest" AS row WHERE row."sessionId" = ANY (%(ids)s))
           AS "AIProcessingRequest",
       (SELECT count(*) FROM old."SessionProcessingStatus" AS row WHERE row."sessionId" = ANY (%(ids)s))
           AS "SessionProcessingStatus"
