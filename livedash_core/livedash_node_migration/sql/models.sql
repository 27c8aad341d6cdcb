-- The models of the source.
SELECT id, name FROM source."AIModel" AS model ORDER BY name
