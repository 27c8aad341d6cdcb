-- Rows and checksum of what was asked, in each session's own words, as they are there.
SELECT count(*), coalesce(sum(hashtextextended(ROW(asked."sessionId", question.content)::text, 0)), 0)
FROM old.chosen AS chosen
JOIN old."SessionQuestion" AS asked ON asked."sessionId" = chosen.session_id
JOIN old."Question" AS question ON question.id = asked."questionId"
WHERE asked.id = ANY (%(kept)s)
