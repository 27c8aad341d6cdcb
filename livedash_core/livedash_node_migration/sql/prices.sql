-- Prices of the source's models, in USD per token.
SELECT price.id, model.name AS model, price."promptTokenCost"::text::numeric AS prompt,
       price."completionTokenCost"::text::numeric AS completion,
       coalesce(price."effectiveFrom", localtimestamp) AT TIME ZONE 'UTC' AS valid_from
FROM source."AIModelPricing" AS price
LEFT JOIN source."AIModel" AS model ON model.id = price."aiModelId"
ORDER BY price.id
