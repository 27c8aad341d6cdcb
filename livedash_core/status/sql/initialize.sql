-- New sessions get one row per stage. What is there already stays as it is.
-- The first :completed_stages stages are born done: an import that stored the row has done that stage.
-- The ledger tells PENDING from WAITING, which is PENDING behind an earlier stage.
WITH fresh AS (
    INSERT INTO livedash.session_processing_status
        (session_id, company_id, stage, status, available_at, started_at, completed_at, attempts)
    SELECT session.id, session.company_id, stage.name,
           CASE WHEN stage.position <= :completed_stages THEN 'COMPLETED' ELSE 'PENDING' END,
           CASE WHEN stage.position <= :completed_stages + 1 THEN now() ELSE 'infinity' END,
           CASE WHEN stage.position <= :completed_stages THEN now() END,
           CASE WHEN stage.position <= :completed_stages THEN now() END,
           CASE WHEN stage.position <= :completed_stages THEN 1 ELSE 0 END
    FROM unnest(CAST(:session_ids AS uuid[]), CAST(:company_ids AS uuid[])) AS session (id, company_id)
    CROSS JOIN unnest(CAST(:stages AS text[])) WITH ORDINALITY AS stage (name, position)
    ORDER BY session.id, stage.position
    ON CONFLICT (session_id, stage) DO NOTHING
    RETURNING session_id, company_id, stage,
              CASE WHEN available_at = 'infinity' THEN 'WAITING' ELSE status END AS counted_as
), ledger AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions, slot)
    SELECT company_id, stage, counted_as, count(*),
           CASE WHEN counted_as = 'COMPLETED' THEN date_bin('10 minutes', now(), 'epoch') END
    FROM fresh GROUP BY company_id, stage, counted_as
)
SELECT session_id, count(*) = cardinality(CAST(:stages AS text[])) AS is_new FROM fresh GROUP BY session_id
