-- The rows of check_questions.sql, read from the target.
SELECT count(*), coalesce(sum(hashtextextended(ROW(chunk.session_id, asked.raw_text)::text, 0)), 0)
FROM source.chunk AS chunk
JOIN livedash.session_question AS asked ON asked.session_id = chunk.id
