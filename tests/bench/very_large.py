"""Pages, a claim, the breakdown and retention in a database of 10,000,000 sessions, against a smaller one.

Each session has its imported row, its analysed row and five status rows. What only the page of one session and
retention read (messages, transcripts, questions, words, analyses, calls) is there for the sessions that expire and for
one in a thousand; the counts per day are estimated from one session in 128.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import perf_counter

from sqlalchemy import text

from livedash_core.insights import counting
from livedash_core.operations.erasure import erase_expired
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import read_breakdown
from tests.bench.bulk import fill_tables
from tests.bench.database import Database, Server
from tests.bench.harness import Row, ratio_at_most, seconds
from tests.bench.latency import CLAIM_SIZE, claim_milliseconds
from tests.bench.pages import LISTS, measured_pages

COMPANIES = 10
READS = 20
RETENTION_DAYS = 500
#: The sessions that expire lie so far apart that each round erases those of one group.
GROUP_DAYS = 50

#: Session ``n`` of the year before today; the first ones are older. Ids rise with the time, as those of imports do.
#: One in a thousand failed to be fetched, one in a thousand was skipped, one in fifty waits; the rest is analysed.
SESSIONS = """
CREATE FUNCTION livedash.made(sessions int, expired int, groups int)
RETURNS TABLE (n int, id uuid, company_id uuid, moment timestamptz, fetched text) LANGUAGE sql STABLE AS $$
    SELECT n, CAST(lpad(to_hex(ms), 12, '0') || '70008' || lpad(to_hex(n), 15, '0') AS uuid),
           companies[n % {companies} + 1], to_timestamp(ms / CAST(1000 AS float8)),
           CASE WHEN n % 1000 = 0 THEN 'FAILED' WHEN n % 1000 = 1 THEN 'SKIPPED' WHEN n % 50 = 2 THEN 'PENDING'
                ELSE 'COMPLETED' END
    FROM (
        SELECT n, companies, today + CASE
                   WHEN n <= expired * groups THEN
                       86400000 * CAST({group_days} * ((n - 1) / expired - groups) - {retention_days} AS int8) + n
                   ELSE CAST(31536000000.0 / sessions AS int8) * (n - sessions) END AS ms
        FROM generate_series(1, sessions) AS n, (
            SELECT array_agg(id ORDER BY name) AS companies,
                   CAST(1000 * extract(epoch FROM CURRENT_DATE) AS int8) AS today
            FROM livedash.company
        ) AS same
    ) AS timed OFFSET 0
$$;

CREATE FUNCTION livedash.status_of(fetched text, place int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN place = 1 THEN 'COMPLETED' WHEN place = 2 OR fetched IN ('COMPLETED', 'SKIPPED') THEN fetched
                ELSE 'PENDING' END
$$
"""
_STATUSES = """
    SELECT id, company_id, stage, status,
           CASE WHEN place > 2 AND status = 'PENDING' THEN 'infinity' ELSE moment END AS available_at, moment,
           CASE WHEN status <> 'PENDING' THEN moment END AS completed_at, CAST(1 AS int2),
           CASE WHEN status = 'FAILED' THEN 'permanent' END AS error_kind,
           CASE WHEN status = 'FAILED' THEN 'reason ' || n END,
           CASE WHEN status = 'FAILED' THEN 'reason ' || n % 40 END AS error_group
    FROM (
        SELECT made.*, stage, place, livedash.status_of(fetched, CAST(place AS int)) AS status
        FROM {made} CROSS JOIN unnest(CAST('{stages}' AS text[])) WITH ORDINALITY AS stages (stage, place)
    ) AS placed
"""
#: What every session has, by table and columns.
ROWS = {
    """livedash.session_processing_status (session_id, company_id, stage, status, available_at, started_at,
       completed_at, attempts, error_kind, error_message, error_group)""": _STATUSES,
    """livedash.session_import (id, company_id, external_session_id, start_time, end_time, full_transcript_url,
       started_at, ended_at, imported_at, changed_at)""": """
    SELECT id, company_id, 'S-' || n, CAST(moment AS text), CAST(moment AS text),
           'https://company.example/transcripts/' || n || '.txt', moment, moment, moment, moment FROM {made}""",
    """livedash.session (id, company_id, started_at, ended_at, language, sentiment, category, escalated,
       forwarded_hr, analyzer, model, prompt_version, summary, analyzed_at, outcome)""": """
    SELECT id, company_id, moment, moment + n % 900 * interval '1 s', (CAST('{{nl,en,de,fr}}' AS text[]))[n % 4 + 1],
           (CAST('{{POSITIVE,NEUTRAL,NEGATIVE}}' AS text[]))[n % 3 + 1],
           (CAST('{{ONBOARDING,OFFBOARDING,LEAVE_VACATION,SCHEDULE_HOURS,TEAM_CONTACTS}}' AS text[]))[n % 5 + 1],
           n % 100 = 0, n % 50 = 0, 'openai', 'a-model', '1', 'What the session was about, in a sentence or two.',
           moment, (CAST('{{RESOLVED,UNRESOLVED,ABANDONED,HANDED_OVER,UNKNOWN}}' AS text[]))[n % 5 + 1]
    FROM {made} WHERE fetched = 'COMPLETED'""",
}
#: The rest, in this order.
FILL = """
CREATE TABLE livedash.sample AS
SELECT * FROM {made} WHERE fetched = 'COMPLETED' AND (n <= {expired} OR n % 1000 = 3);

INSERT INTO livedash.session_processing_count (company_id, stage, status, sessions)
SELECT company_id, stage, CASE WHEN place > 2 AND status = 'PENDING' THEN 'WAITING' ELSE status END, sum(sessions)
FROM (
    SELECT company_id, stage, place, livedash.status_of(fetched, CAST(place AS int)) AS status, sessions
    FROM (SELECT company_id, fetched, count(*) AS sessions FROM {made} GROUP BY 1, 2) AS counted
    CROSS JOIN unnest(CAST('{stages}' AS text[])) WITH ORDINALITY AS stages (stage, place)
) AS placed GROUP BY 1, 2, 3;

INSERT INTO livedash.session_failure_count
SELECT company_id, stage, error_kind, error_group, count(*), min(completed_at), max(completed_at)
FROM livedash.session_processing_status WHERE status = 'FAILED' GROUP BY 1, 2, 3, 4;

INSERT INTO livedash.session_processing_failure
    (session_id, company_id, stage, attempt, started_at, failed_at, error_kind, error_message)
SELECT session_id, company_id, stage, 1, completed_at, completed_at, error_kind, error_message
FROM livedash.session_processing_status WHERE status = 'FAILED';

INSERT INTO livedash.message (session_id, position, role, content, sent_at)
SELECT id, position, CASE WHEN position % 2 = 1 THEN 'User' ELSE 'Assistant' END, repeat('So it was said. ', 5), moment
FROM livedash.sample CROSS JOIN generate_series(1, 10) AS position;

INSERT INTO livedash.session_transcript (session_id, content, fetched_at)
SELECT id, repeat('User: So it was said. ', 50), moment FROM livedash.sample;

INSERT INTO livedash.session_search (session_id, part, document)
SELECT id, 'messages', array_to_tsvector(ARRAY['company:' || company_id, 'word' || n % 7, 'rare' || n % 5000])
FROM livedash.sample;

INSERT INTO livedash.question (company_id, content, normal_form, language, sessions)
SELECT company_id, 'Question ' || n || '?', n, 'en', 1 FROM livedash.sample;

INSERT INTO livedash.session_question (session_id, position, question_id, raw_text)
SELECT sample.id, 1, question.id, 'a question' FROM livedash.sample
JOIN livedash.question ON question.company_id = sample.company_id AND normal_form = CAST(n AS text);

INSERT INTO livedash.session_analysis (session_id, input_hash, analyzer, model, prompt_version, result, created_at)
SELECT id, md5(n::text), 'openai', 'a-model', '1', CAST('{{"summary": "What it was about."}}' AS jsonb), moment
FROM livedash.sample;

INSERT INTO livedash.ai_processing_request
    (id, session_id, company_id, prompt_version, model_requested, outcome, prompt_tokens, completion_tokens, cost,
     requested_at, answered_at)
SELECT gen_random_uuid(), id, company_id, '1', 'a-model', 'answered', 900, 90, 0.001, moment, moment
FROM livedash.sample;

INSERT INTO livedash.session_day_count (facet, company_id, day, value, sessions)
SELECT facet, company_id, day, value, 128 * sessions FROM ({counts}) AS counted ORDER BY day;

INSERT INTO livedash.session_month_count (facet, company_id, month, value, sessions)
SELECT facet, company_id, date_trunc('month', day), value, sum(sessions) FROM livedash.session_day_count
WHERE facet <> 'hour' GROUP BY 1, 2, 3, 4;

INSERT INTO livedash.ai_cost_daily
    (day, company_id, model, mode, outcome, requests, unpriced, unusable, prompt_tokens, cached_tokens,
     cache_write_tokens, completion_tokens, reasoning_tokens, cost, max_cost)
SELECT CURRENT_DATE - ago, id, 'a-model', 'realtime', 'answered', requests, 0, 0, 900 * requests, 0, 0, 90 * requests,
       0, 0.001 * requests, 0
FROM livedash.company, generate_series(0, 364) AS ago, (SELECT {sessions} / 3650 + 1 AS requests) AS same
"""


def very_large(server: Server) -> list[Row]:
    """pages, a claim, the breakdown and retention in a very large database, against a smaller one"""
    small, large = server.scale.very_large
    with server.database() as database:
        fill(database, server, small)
        reference = _queries(database, server), _retention(database, server)
    with server.database() as database:
        took = seconds(lambda: fill(database, server, large))
        with database.engine.connect() as connection:
            gigabytes = (connection.scalar(text("SELECT pg_database_size(current_database())")) or 0) / 1e9
            addresses = LISTS | {"Costs": "costs", "Insights, 30 days": "insights"}
            a_session = connection.scalar(text("SELECT session_id FROM livedash.message ORDER BY 1 DESC LIMIT 1"))
        rows = measured_pages(
            database, addresses | {"Session": f"sessions/{a_session}"}, server.scale.page_views, large
        )
        figures = _queries(database, server), _retention(database, server)
    against = f"in one of {small:,}"
    names = (f"claim of {CLAIM_SIZE}", "breakdown")
    return [
        Row(f"a database of {large:,} sessions filled", "s", [took], note=f"{gigabytes:.1f} GB", size=large),
        *rows,
        *(
            Row(f"{name}, in a database of {large:,} sessions", "ms", found, against, yardstick, ratio_at_most(2))
            for name, found, yardstick in zip(names, figures[0], reference[0], strict=True)
        ),
        Row(
            f"1,000 of {server.scale.expired:,} expired sessions erased, in a database of {large:,} sessions",
            "ms",
            figures[1],
            against,
            reference[1],
            ratio_at_most(1.5),
        ),
    ]


def fill(database: Database, server: Server, sessions: int) -> None:
    """Fill a new database with so many sessions."""
    expired, groups = server.scale.expired, server.scale.long_rounds
    values = {
        "companies": COMPANIES,
        "retention_days": RETENTION_DAYS,
        "group_days": GROUP_DAYS,
        "made": f"livedash.made({sessions}, {expired}, {groups}) AS made",
        "stages": "{" + ",".join(BUILT_IN.names) + "}",
        "expired": expired * groups,
        "sessions": sessions,
        "counts": counting._SESSIONS.format(
            sessions="(SELECT * FROM livedash.session WHERE uuid_hash(id) & 127 = 0) AS session"
        ),
    }
    with database.bare() as connection:
        connection.execute(
            "INSERT INTO livedash.company (id, name, retention_days) "
            "SELECT gen_random_uuid(), 'Company ' || n, %s FROM generate_series(2, %s) AS n",
            [RETENTION_DAYS, COMPANIES],
        )
        connection.execute("UPDATE livedash.company SET retention_days = %s", [RETENTION_DAYS])
        connection.execute(SESSIONS.format(**values).encode())
    rows = {" ".join(target.split()): query.format(**values) for target, query in ROWS.items()}
    fill_tables(database, server.directory, rows)
    with database.bare() as connection:
        connection.execute("SET session_replication_role = replica")  # no foreign key is looked up
        connection.execute(FILL.format(**values).encode())
    database.execute("ANALYZE")
    database.execute("CHECKPOINT")


def _queries(database: Database, server: Server) -> tuple[list[float], list[float]]:
    """Milliseconds of a claim and of a breakdown, of each round after the first."""
    claims, breakdowns = [], []
    with database.engine.connect() as connection:
        for _ in range(server.scale.long_rounds + 1):
            claims.append(claim_milliseconds(connection))
            began = perf_counter()
            for _ in range(READS):
                with connection.begin():
                    read_breakdown(connection, BUILT_IN)
            breakdowns.append(1000 * (perf_counter() - began) / READS)
    return claims[1:], breakdowns[1:]


def _retention(database: Database, server: Server) -> list[float]:
    """Milliseconds per 1,000 erased sessions, of each round."""
    rounds, expired = server.scale.long_rounds, server.scale.expired
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    figures = []
    for number in range(rounds):
        now = midnight - timedelta(days=GROUP_DAYS * (rounds - number) - 1)
        began = perf_counter()
        found = erase_expired(database.engine, BUILT_IN, now)
        figures.append(1e6 * (perf_counter() - began) / expired)
        if (erased := sum(one.sessions for one in found.values())) != expired:
            raise RuntimeError(f"{erased} instead of {expired} sessions were erased")
    return figures
