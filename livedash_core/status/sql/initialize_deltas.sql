    -- Deltas count a PENDING row behind an unfinished stage as WAITING.
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions, slot)
    SELECT company_id, stage, counted_as, count(*),
           CASE WHEN counted_as = 'COMPLETED' THEN date_bin('10 minutes', now(), 'epoch') END
    FROM fresh GROUP BY company_id, stage, counted_as
