-- Number of rows that belong to the given sessions, by table.
SELECT (SELECT count(*) FROM source."Message" AS row WHERE row."sessionId" = ANY (%(ids)s)) AS "Message",
       (SELECT count(*) FROM source."SessionQuestion" AS row WHERE row."sessionId" = ANY (%(ids)s)) AS "SessionQuestion",
       (SELECT count(*) FROM source."AIProcessingRequest" AS row WHERE row."sessionId" = ANY (%(ids)s))
           AS "AIProcessingRequest",
       (SELECT count(*) FROM source."SessionProcessingStatus" AS row WHERE row."sessionId" = ANY (%(ids)s))
           AS "SessionProcessingStatus"
