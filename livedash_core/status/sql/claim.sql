-- Claim due sessions of one stage under a new token. The attempt is counted here, so that a crash counts.
-- Rows that another claim has locked are skipped and not waited for. A locked row is not updated by others, so its
-- ctid stays valid.
WITH due AS MATERIALIZED (
-- include: due_{reach}
), claimed AS (
    UPDATE livedash.session_processing_status
    SET status = 'IN_PROGRESS', lease_token = :token, attempts = attempts + 1, started_at = now()
    WHERE ctid = ANY (ARRAY(SELECT ctid FROM due))
    RETURNING session_id, company_id, attempts
), lease AS (
    INSERT INTO livedash.session_processing_lease (token, stage, owner, dag_run, claimed_at, expires_at)
    SELECT :token, :stage, :owner, :dag_run, now(), now() + make_interval(secs => :lease_seconds)
    WHERE EXISTS (SELECT FROM claimed)
), count_deltas AS (
    INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
    SELECT company_id, :stage, change.status, change.sign * count(*)
    FROM claimed CROSS JOIN (VALUES ('PENDING', -1), ('IN_PROGRESS', 1)) AS change (status, sign)
    GROUP BY company_id, change.status, change.sign
)
SELECT session_id, attempts FROM claimed
