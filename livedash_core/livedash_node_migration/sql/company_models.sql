-- The models of companies. The first default model of a company has place 1, every other model a higher one.
SELECT choice.id, choice."companyId" AS company_id, model.name AS model,
       row_number() OVER (PARTITION BY choice."companyId" ORDER BY model.id IS NULL, choice."isDefault" IS NOT TRUE, choice.id)
           + (choice."isDefault" IS NOT TRUE)::int AS place
FROM source."CompanyAIModel" AS choice
LEFT JOIN source."AIModel" AS model ON model.id = choice."aiModelId"
