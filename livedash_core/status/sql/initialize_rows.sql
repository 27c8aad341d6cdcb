    -- One row per session and stage. The first completed_stages stages of a session are COMPLETED from the start: an
    -- import that stores a row has completed its own stage.
    INSERT INTO livedash.session_processing_status
        (session_id, company_id, stage, status, available_at, started_at, completed_at, attempts, metadata)
    SELECT session.id, session.company_id, stage.name,
           CASE WHEN stage.position <= session.completed_stages THEN 'COMPLETED' ELSE 'PENDING' END,
           CASE WHEN stage.position <= session.completed_stages + 1 THEN now() ELSE 'infinity' END,
           CASE WHEN stage.position <= session.completed_stages THEN now() END,
           CASE WHEN stage.position <= session.completed_stages THEN now() END,
           CASE WHEN stage.position <= session.completed_stages THEN 1 ELSE 0 END,
           CASE WHEN stage.position = 1 AND session.completed_stages > 0 THEN session.metadata END
    FROM session CROSS JOIN unnest(CAST(:stages AS text[])) WITH ORDINALITY AS stage (name, position)
