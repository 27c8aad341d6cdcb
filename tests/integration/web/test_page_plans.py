"""At 200,000 sessions no page scans the sessions or their states: each reads a bounded number of rows, by index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import pytest
from sqlalchemy import Engine, text

from livedash_core.db import make_engine, upgrade_schema
from livedash_core.full_text import MAX_MATCHES
from livedash_core.insights import counting
from livedash_core.insights.reading import CANDIDATES
from livedash_core.insights.topics.counting import refresh_counts
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.operations.session_list import MAX_COUNTED, MAX_READ, MAX_SEARCHED
from tests.integration.status.large import COMPANIES, build
from tests.integration.status.plans import Mode, explained
from tests.integration.web.conftest import Visit, make_app

#: The tables that have many rows here.
LARGE = {
    "session", "session_import", "session_processing_status", "session_processing_failure", "message", "question",
    "session_question", "session_search", "topic_member", "session_processing_activity",
}  # fmt: skip

#: The first 150,000 are analysed: one in a thousand is NEGATIVE, escalated and in French; each asked one of 50,000
#: questions, the first few of them often.
ANALYSED = (
    """
    INSERT INTO livedash.session (id, company_id, started_at, ended_at, language, sentiment, category, escalated,
                                  forwarded_hr, analyzer, model, prompt_version, summary, analysis_id, analyzed_at,
                                  outcome)
    SELECT id, company_id, moment, moment, CASE WHEN n % 1000 = 0 THEN 'fr' ELSE 'nl' END,
           CASE WHEN n % 1000 = 0 THEN 'NEGATIVE' ELSE 'NEUTRAL' END,
           CASE WHEN n % 3 = 0 THEN 'ONBOARDING' ELSE 'OFFBOARDING' END, n % 1000 = 0, n % 2000 = 0,
           'openai', 'a-model', '1', 'a summary', n, moment,
           CASE WHEN n % 1000 = 0 THEN 'UNRESOLVED' WHEN n % 1000 > 1 THEN 'RESOLVED' END
    FROM built WHERE n <= 150000
    """,
    """
    INSERT INTO livedash.question (company_id, content, normal_form, language)
    SELECT (CAST(:companies AS uuid[]))[n % 5 + 1], 'question ' || n, n, 'en' FROM generate_series(1, 50000) AS n
    """,
    """
    INSERT INTO livedash.session_question (session_id, position, question_id, raw_text)
    SELECT id, 1, CASE WHEN n % 10 = 0 THEN n / 10 % 20 ELSE n % 50000 END + 1, 'a question'
    FROM built WHERE n <= 150000
    """,
    f"INSERT INTO livedash.session_day_count {counting._SESSIONS.format(sessions=counting._ALL)}",
    """
    INSERT INTO livedash.session_month_count
    SELECT facet, company_id, date_trunc('month', day), value, sum(sessions)
    FROM livedash.session_day_count WHERE facet <> 'hour' GROUP BY 1, 2, 3, 4
    """,
    f"INSERT INTO livedash.question_day_count {counting._QUESTIONS.format(sessions=counting._ALL)}",
    """
    INSERT INTO livedash.question_month_count
    SELECT question_id, date_trunc('month', day), sum(sessions) FROM livedash.question_day_count GROUP BY 1, 2
    """,
    """
    UPDATE livedash.question SET sessions = counted.sessions FROM (
        SELECT question_id, sum(sessions) AS sessions FROM livedash.question_day_count GROUP BY question_id
    ) AS counted WHERE counted.question_id = question.id
    """,
    """
    INSERT INTO livedash.session_failure_count
    SELECT company_id, stage, error_kind, error_group, count(*), min(completed_at), max(completed_at)
    FROM livedash.session_processing_status WHERE status = 'FAILED' GROUP BY 1, 2, 3, 4
    """,
    """
    INSERT INTO livedash.message (session_id, position, role, content, sent_at)
    SELECT id, position, 'User', 'a message', moment FROM built CROSS JOIN generate_series(1, 2) AS position
    WHERE n <= 100000
    """,
    """
    INSERT INTO livedash.session_search (session_id, part, document)
    SELECT id, 'messages', array_to_tsvector(ARRAY['company:' || company_id, 'everywhere', 'rare' || n % 5000])
    FROM built WHERE n <= 150000
    """,
    # Each stage was at work in each ten minutes of the last day, for each company, with ten durations.
    """
    INSERT INTO livedash.session_processing_activity (slot, company_id, stage, duration_bucket, sessions)
    SELECT date_bin('10 minutes', now(), 'epoch') - ago * interval '10 minutes', id, stage, bucket, sum(1)
    FROM livedash.company CROSS JOIN generate_series(0, 143) AS ago CROSS JOIN generate_series(1, 10) AS bucket
    CROSS JOIN unnest(CAST(:stages AS text[])) AS stages (stage)
    GROUP BY GROUPING SETS ((ago, id, stage, bucket), (ago, stage, bucket))
    """,
    # Each topic has 20 questions. The first one's are asked in 15,000 sessions.
    """
    INSERT INTO livedash.topic (company_id, central_id, compared)
    SELECT (CAST(:companies AS uuid[]))[1], n, true FROM generate_series(1, 50000, 20) AS n ORDER BY n
    """,
    """
    INSERT INTO livedash.topic_member (question_id, company_id, topic_id, placed_by, wording_digest, sessions)
    SELECT question.id, topic.company_id, topic.id, 'rule', md5(question.content), question.sessions
    FROM livedash.question JOIN livedash.topic ON central_id = question.id - (question.id - 1) % 20
    """,
)


@pytest.fixture(scope="module")
def crowded(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    engine = make_engine(postgres.database("page_plans").url())
    upgrade_schema(engine)
    build(engine, *ANALYSED)
    with engine.begin() as connection:
        (company_id,) = connection.scalars(text("SELECT DISTINCT company_id FROM livedash.topic"))
        refresh_counts(connection, company_id)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE livedash.topic, livedash.topic_member"))
    yield engine
    engine.dispose()


#: A page of a list joins up to three rows per session, and the five states of those that are shown. What no index tells
#: is looked up in so many sessions of each of the five companies, and once more for where to go on. A list that an
#: index covers is counted from the index.
PAGE, WALK = 1000, 16 * MAX_READ
LIST = PAGE + MAX_COUNTED
#: Of a word that too many sessions have, its documents are read until they are too many, and then three rows of each
#: session from the newest on, in each company and once more for where to go on.
SEARCH = 2 * MAX_MATCHES + 12 * MAX_SEARCHED
FETCH = "stage=TRANSCRIPT_FETCH"
#: Of one company, or of all together.
ACTIVITY = 144 * 5 * 10
ADDRESSES = {
    "": ACTIVITY + 200,
    f"?company={COMPANIES[2]}": ACTIVITY + 200,
    # A window is counted session by session, twice five rows and one of the import; too many are noticed early.
    "?from=2020-01-02&to=2020-01-02": ACTIVITY + 25_000,
    f"?from=2020-01-01&company={COMPANIES[2]}": ACTIVITY + 25_000,
    "failures": PAGE,
    f"failures?order=last&company={COMPANIES[2]}": PAGE,
    "failures?from=2020-01-02&to=2020-01-02": 25_000,
    "failures/sessions?stage=TRANSCRIPT_FETCH&kind=permanent&group=no": 12_000,
    "forecast?kind=permanent&group=no": 12_000,
    "runs/livedash_transcript_fetch/absent": 100,
    "costs": PAGE,
    "insights?from=2020-01-01&to=2020-01-02": 5 * CANDIDATES + 100,
    "insights?from=2019-01-01&to=2020-12-31": 5 * CANDIDATES + 100,
    "sessions": LIST,
    f"sessions?company={COMPANIES[2]}": LIST,
    "sessions?from=2020-01-01&to=2020-01-01": LIST,
    f"sessions?{FETCH}&state=failed": LIST,
    # The newest thousand of each of the five companies are read once; a thousand of these have a row each, and as many
    # are counted.
    f"sessions?{FETCH}&state=failed&from=2019-01-01&to=2019-01-02": 10 * MAX_READ,
    f"sessions?{FETCH}&state=ready": LIST,
    f"sessions?{FETCH}&state=retrying": LIST,
    "sessions?stage=SESSION_CREATION&state=waiting": LIST,
    # Through the leases of the stage, of which there are never many: 20,000 sessions are held here.
    f"sessions?{FETCH}&state=in-progress": 50_000,
    "sessions?state=skipped": LIST,
    "sessions?notes=yes": LIST,
    "sessions?state=completed": LIST + WALK,
    f"sessions?{FETCH}&state=completed": LIST + WALK,
    "sessions?sentiment=NEGATIVE": LIST,
    "sessions?language=fr": LIST,
    "sessions?outcome=UNRESOLVED": LIST,
    "sessions?outcome=UNRESOLVED&missing=NO_ANSWER": LIST + WALK,
    "sessions?outcome=NONE": LIST,
    "sessions?escalated=yes": LIST,
    "sessions?category=ONBOARDING&sentiment=NEGATIVE": LIST + WALK,
    "sessions?category=ONBOARDING&sentiment=POSITIVE&from=2020-01-01": LIST + WALK,
    "sessions?question=3": LIST,
    # A topic's few sessions are looked up first; of many, sessions are checked as the list is read: two rows each.
    "sessions?topic=3": LIST,
    "sessions?topic=1": LIST + 3 * WALK,
    "topics/3?from=2019-01-01&to=2020-12-31": PAGE,
    "topics/1?from=2019-01-01&to=2020-12-31": 12 * PAGE,
    "sessions?q=rare17": LIST,
    # The index finds too many; each session of the list is looked up.
    "sessions?q=everywhere": SEARCH,
    f"sessions?q=everywhere&company={COMPANIES[2]}&outcome=UNRESOLVED": SEARCH,
    "sessions?id=17": 20,
    "sessions/00000000-0000-0000-0000-00000000c350": 100,
}


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_scans_no_large_table(crowded: Engine, visit: Visit, address: str, mode: Mode) -> None:
    page = visit(make_app(lambda: crowded))
    with explained(crowded, mode) as plan:
        answer = page.get(address, follow_redirects=False)

    assert answer.status_code in (200, 303), answer.text
    assert not plan.scanned_whole & LARGE
    assert sum(plan.rows[table] for table in LARGE) <= ADDRESSES[address]
