-- The rows of check_messages.sql, read from the target.
SELECT count(*), coalesce(sum(hashtextextended(ROW(
           chunk.session_id, message.position::bigint, message.role, message.content,
           (message.sent_at AT TIME ZONE 'UTC')::timestamp(3))::text, 0)), 0)
FROM source.chunk AS chunk
JOIN livedash.message ON message.session_id = chunk.id
