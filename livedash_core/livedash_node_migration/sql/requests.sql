-- The sessions' requests as rows of the cost ledger. A failed request without tokens was rejected and is not billed.
SELECT request.id AS source_id, chunk.id AS session_id, chunk.company_id, request."openaiRequestId" AS provider_request_id,
       request.model, request."serviceTier" AS service_tier,
       CASE WHEN request.success OR coalesce(request."totalTokens", 0) > 0 THEN 'answered' ELSE 'rejected' END AS outcome,
       CASE WHEN request.success THEN NULL
            ELSE coalesce(nullif(request."errorMessage", ''), 'failed in livedash-node, without an error message') END AS error,
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
FROM source.chunk AS chunk
JOIN source."AIProcessingRequest" AS request ON request."sessionId" = chunk.session_id
