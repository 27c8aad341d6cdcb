-- Rows and checksum of the messages, as they are there and as messages.sql reads them.
SELECT count(*), coalesce(sum(hashtextextended(ROW(turn.*)::text, 0)), 0)
FROM (
    SELECT message."sessionId", row_number() OVER turns,
           CASE lower(btrim(message.role)) WHEN 'user' THEN 'User' WHEN 'assistant' THEN 'Assistant' ELSE 'System' END,
           message.content,
           coalesce(message.timestamp, max(message.timestamp) OVER turns, session."startTime")
    FROM old.chosen AS chosen
    JOIN old."Session" AS session ON session.id = chosen.session_id
    JOIN old."Message" AS message ON message."sessionId" = chosen.session_id
    WINDOW turns AS (PARTITION BY message."sessionId" ORDER BY message."order", message.id ROWS UNBOUNDED PRECEDING)
) AS turn
