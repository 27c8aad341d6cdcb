-- Count and checksum of the requests: in the source's tables, and in the target through the views of livedash_compat.
SELECT count(*), coalesce(sum(hashtextextended(ROW(
           request.id, request."sessionId", request."openaiRequestId", request.model, coalesce(request."promptTokens", 0),
           coalesce(request."completionTokens", 0), request."cachedTokens", request."totalCostEur", request.success,
           request."requestedAt")::text, 0)), 0)
FROM source.chunk AS chunk
JOIN source."AIProcessingRequest" AS request ON request."sessionId" = chunk.session_id
WHERE request.id = ANY (%(kept)s)
