-- The stages with work to do now: a due row or an expired lease. One index probe per stage and company.
SELECT stage.name
FROM unnest(CAST(:stages AS text[])) WITH ORDINALITY AS stage (name, position)
WHERE EXISTS (
    SELECT FROM livedash.company
    CROSS JOIN LATERAL (
        SELECT FROM livedash.session_processing_status
        WHERE stage = stage.name AND company_id = company.id
          AND status = 'PENDING' AND available_at < 'infinity' AND available_at <= now()
        LIMIT 1
    ) AS waiting
    WHERE company.status = 'ACTIVE'
) OR EXISTS (
    SELECT FROM livedash.session_processing_lease AS lease
    WHERE lease.stage = stage.name AND lease.expires_at <= now()
)
ORDER BY stage.position
