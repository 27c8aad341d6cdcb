-- The same rows as check_messages.sql, as they are here.
SELECT count(*), coalesce(sum(hashtextextended(ROW(
           chosen.session_id, message.position::bigint, message.role, message.content,
           (message.sent_at AT TIME ZONE 'UTC')::timestamp(3))::text, 0)), 0)
FROM old.chosen AS chosen
JOIN livedash.message ON message.session_id = chosen.id
