-- The models that could be asked there.
SELECT id, name FROM old."AIModel" AS model ORDER BY name
