-- message. Ours count from 1 without gaps. A message without a time has the latest before it, or the session's
-- beginning; a role in odd case is still that role, and any other is the system's: nothing that was said is lost.
SELECT chosen.id, row_number() OVER turns,
       CASE lower(btrim(message.role)) WHEN 'user' THEN 'User' WHEN 'assistant' THEN 'Assistant' ELSE 'System' END,
       message.content,
       coalesce(message.timestamp, max(message.timestamp) OVER turns, session."startTime") AT TIME ZONE 'UTC'
FROM old.chosen AS chosen
JOIN old."Session" AS session ON session.id = chosen.session_id
JOIN old."Message" AS message ON message."sessionId" = session.id
WINDOW turns AS (PARTITION BY chosen.id ORDER BY message."order", message.id ROWS UNBOUNDED PRECEDING)
