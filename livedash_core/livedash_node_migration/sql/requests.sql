-- What the sessions cost, as rows of our ledger. A request that failed without a token was refused: nothing to pay.
SELECT request.id AS old_id, chosen.id AS session_id, chosen.company_id, request."openaiRequestId" AS provider_request_id,
       request.model, request."serviceTier" AS service_tier,
       CASE WHEN request.success OR coalesce(request."totalTokens", 0) > 0 THEN 'answered' ELSE 'rejected' END AS outcome,
       CASE WHEN request.success THEN NULL
            ELSE coalesce(nullif(request."errorMessage", ''), 'livedash-node says that it failed, not why') END AS error,
       request."promptTokens" AS prompt_tokens, request."cachedTokens" AS cached_tokens,
       request."completionTokens" AS completion_tokens, request."reasoningTokens" AS reasoning_tokens,
       request."totalCostEur"::text::numeric AS cost,
       coalesce(request."requestedAt", localtimestamp) AT TIME ZONE 'UTC' AS requested_at,
       request."completedAt" AT TIME ZONE 'UTC' AS answered_at,
       jsonb_strip_nulls(jsonb_build_object(
           'id', request.id, 'systemFingerprint', request."systemFingerprint", 'totalTokens', request."totalTokens",
           'audioTokensPrompt', request."audioTokensPrompt", 'audioTokensCompletion', request."audioTokensCompletion",
           'acceptedPredictionTokens', request."acceptedPredictionTokens",
           'rejectedPredictionTokens', request."rejectedPredictionTokens",
           'promptTokenCost', request."promptTokenCost", 'completionTokenCost', request."completionTokenCost",
           'processingType', request."processingType"))::text AS legacy
FROM old.chosen AS chosen
JOIN old."AIProcessingRequest" AS request ON request."sessionId" = chosen.session_id
