-- Count and checksum of the sessions' questions in the source, in their original wording.
SELECT count(*), coalesce(sum(hashtextextended(ROW(asked."sessionId", question.content)::text, 0)), 0)
FROM source.chunk AS chunk
JOIN source."SessionQuestion" AS asked ON asked."sessionId" = chunk.session_id
JOIN source."Question" AS question ON question.id = asked."questionId"
WHERE asked.id = ANY (%(kept)s)
