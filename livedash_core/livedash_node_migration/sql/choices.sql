-- Which model is whose; the first default of a company has place 1, what is no default has a later one.
SELECT choice.id, choice."companyId" AS company_id, model.name AS model,
       row_number() OVER (PARTITION BY choice."companyId" ORDER BY model.id IS NULL, choice."isDefault" IS NOT TRUE, choice.id)
           + (choice."isDefault" IS NOT TRUE)::int AS place
FROM old."CompanyAIModel" AS choice
LEFT JOIN old."AIModel" AS model ON model.id = choice."aiModelId"
