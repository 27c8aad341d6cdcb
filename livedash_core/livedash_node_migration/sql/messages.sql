-- Rows of message. Positions count from 1 without gaps. A message without a time gets the latest time before it, or the
-- session's start. Roles are matched in any case; an unknown role becomes System, so that no message is lost.
SELECT chunk.id, row_number() OVER ordered,
       CASE lower(btrim(message.role)) WHEN 'user' THEN 'User' WHEN 'assistant' THEN 'Assistant' ELSE 'System' END,
       message.content,
       coalesce(message.timestamp, max(message.timestamp) OVER ordered, session."startTime") AT TIME ZONE 'UTC'
FROM source.chunk AS chunk
JOIN source."Session" AS session ON session.id = chunk.session_id
JOIN source."Message" AS message ON message."sessionId" = session.id
WINDOW ordered AS (PARTITION BY chunk.id ORDER BY message."order", message.id ROWS UNBOUNDED PRECEDING)
