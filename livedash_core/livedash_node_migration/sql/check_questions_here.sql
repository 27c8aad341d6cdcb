-- The same rows as check_questions.sql, as they are here.
SELECT count(*), coalesce(sum(hashtextextended(ROW(chosen.session_id, asked.raw_text)::text, 0)), 0)
FROM old.chosen AS chosen
JOIN livedash.session_question AS asked ON asked.session_id = chosen.id
