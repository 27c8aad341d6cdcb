-- Companies with their default model.
SELECT company.id, company.name, company."csvUrl" AS csv_url, company."csvUsername" AS login,
       company."csvPassword" AS password, company.status,
       coalesce(company."createdAt", localtimestamp) AT TIME ZONE 'UTC' AS created_at,
       jsonb_strip_nulls(jsonb_build_object('id', company.id, 'sentimentAlert', company."sentimentAlert"))
           || jsonb_build_object('dashboardOpts', company."dashboardOpts") AS legacy,
       (SELECT model.name FROM source."CompanyAIModel" AS choice JOIN source."AIModel" AS model ON model.id = choice."aiModelId"
        WHERE choice."companyId" = company.id AND choice."isDefault" ORDER BY choice.id LIMIT 1) AS model
FROM source."Company" AS company
ORDER BY company."createdAt", company.id
