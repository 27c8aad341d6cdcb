-- Count and checksum of the messages in the source, with the conversions of messages.sql.
SELECT count(*), coalesce(sum(hashtextextended(ROW(converted.*)::text, 0)), 0)
FROM (
    SELECT message."sessionId", row_number() OVER ordered,
           CASE lower(btrim(message.role)) WHEN 'user' THEN 'User' WHEN 'assistant' THEN 'Assistant' ELSE 'System' END,
           message.content,
           coalesce(message.timestamp, max(message.timestamp) OVER ordered, session."startTime")
    FROM source.chunk AS chunk
    JOIN source."Session" AS session ON session.id = chunk.session_id
    JOIN source."Message" AS message ON message."sessionId" = chunk.session_id
    WINDOW ordered AS (PARTITION BY message."sessionId" ORDER BY message."order", message.id ROWS UNBOUNDED PRECEDING)
) AS converted
