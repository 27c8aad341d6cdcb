-- Rows and checksum of the requests: there in the old tables, here through the views.
SELECT count(*), coalesce(sum(hashtextextended(ROW(
           request.id, request."sessionId", request."openaiRequestId", request.model, coalesce(request."promptTokens", 0),
           coalesce(request."completionTokens", 0), request."cachedTokens", request."totalCostEur", request.success,
           request."requestedAt")::text, 0)), 0)
FROM old.chosen AS chosen
JOIN old."AIProcessingRequest" AS request ON request."sessionId" = chosen.session_id
WHERE request.id = ANY (%(kept)s)
