"""How long the server takes for a page, over very many sessions of a year."""

from __future__ import annotations

import time
from statistics import median, quantiles

from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from livedash_core.db import make_engine
from livedash_core.insights import counting
from livedash_core.insights.topics.counting import refresh_counts
from livedash_core.operations.company_access import Visitor
from livedash_core.pipeline import BUILT_IN
from livedash_core.web import create_app
from tests.bench.database import Database, Server
from tests.bench.harness import Row, at_most

KILOBYTES = 100
MEDIAN_MILLISECONDS, P95_MILLISECONDS, PIPELINE_MILLISECONDS = 50, 150, 20
FETCH, LAST = BUILT_IN.names[1], BUILT_IN.names[-1]
#: A search is bounded at its 95th percentile only.
SEARCH_P95_MILLISECONDS = 200
COMPANIES = 10

#: One in a thousand failed to be fetched, one in a thousand was skipped, one in fifty waits; the rest is analysed.
#: Counts are in the order of their days, as the stages write them.
FILL = """
INSERT INTO livedash.company (id, name)
SELECT gen_random_uuid(), 'Company ' || n FROM generate_series(2, :companies) AS n;

CREATE TABLE made AS
SELECT n, gen_random_uuid() AS id, (SELECT array_agg(id) FROM livedash.company) AS companies,
       CURRENT_DATE - interval '365 days' + n * (interval '365 days' / :sessions) AS moment,
       CASE WHEN n % 1000 = 0 THEN 'FAILED' WHEN n % 1000 = 1 THEN 'SKIPPED' WHEN n % 50 = 2 THEN 'PENDING'
            ELSE 'COMPLETED' END AS fetched
FROM generate_series(1, :sessions) AS n;

ALTER TABLE made ADD company_id uuid;
UPDATE made SET company_id = companies[n % :companies + 1], companies = NULL;

INSERT INTO livedash.session_import (id, company_id, external_session_id, started_at, ended_at)
SELECT id, company_id, 'S-' || n, moment, moment FROM made ORDER BY n;

INSERT INTO livedash.session_processing_status
    (session_id, company_id, stage, status, available_at, started_at, completed_at, attempts, error_kind, error_message,
     error_group)
SELECT id, company_id, stage, status, CASE WHEN position > 2 AND status = 'PENDING' THEN 'infinity' ELSE moment END,
       moment, CASE WHEN status <> 'PENDING' THEN moment END, 1, CASE WHEN status = 'FAILED' THEN 'permanent' END,
       CASE WHEN status = 'FAILED' THEN 'reason ' || n END, CASE WHEN status = 'FAILED' THEN 'reason ' || n % 40 END
FROM (
    SELECT made.*, stage, position,
           CASE WHEN position = 1 THEN 'COMPLETED' WHEN position = 2 OR fetched IN ('COMPLETED', 'SKIPPED') THEN fetched
                ELSE 'PENDING' END AS status
    FROM made CROSS JOIN unnest(CAST(:stages AS text[])) WITH ORDINALITY AS stages (stage, position)
) AS placed ORDER BY n;

INSERT INTO livedash.session_processing_count (company_id, stage, status, sessions)
SELECT company_id, stage, CASE WHEN available_at = 'infinity' THEN 'WAITING' ELSE status END, count(*)
FROM livedash.session_processing_status GROUP BY 1, 2, 3;

INSERT INTO livedash.session_failure_count
SELECT company_id, stage, error_kind, error_group, count(*), min(completed_at), max(completed_at)
FROM livedash.session_processing_status WHERE status = 'FAILED' GROUP BY 1, 2, 3, 4;

INSERT INTO livedash.session (id, company_id, started_at, ended_at, language, sentiment, category, escalated,
                              forwarded_hr, analyzer, model, prompt_version, summary, analyzed_at, outcome, missing,
                              avg_response_time_seconds)
SELECT id, company_id, moment, moment + n % 900 * interval '1 s', (CAST('{nl,en,de,fr}' AS text[]))[n % 4 + 1],
       (CAST('{POSITIVE,NEUTRAL,NEGATIVE}' AS text[]))[n % 3 + 1],
       (CAST('{ONBOARDING,OFFBOARDING,LEAVE_VACATION,SCHEDULE_HOURS,TEAM_CONTACTS}' AS text[]))[n % 5 + 1],
       n % 100 = 0, n % 50 = 0, 'openai', 'a-model', '1', 'What the session was about, in a sentence or two.', moment,
       (CAST('{RESOLVED,UNRESOLVED,ABANDONED,HANDED_OVER,UNKNOWN}' AS text[]))[n % 5 + 1],
       CASE WHEN n % 5 = 1 THEN (CAST('{NO_ANSWER,WRONG_ANSWER}' AS text[]))[n / 5 % 2 + 1] END, n % 60
FROM made WHERE fetched = 'COMPLETED' ORDER BY n;

INSERT INTO livedash.message (session_id, position, role, content, sent_at)
SELECT id, position, CASE WHEN position % 2 = 1 THEN 'User' ELSE 'Assistant' END, repeat('So it was said. ', 5), moment
FROM made CROSS JOIN generate_series(1, 10) AS position WHERE n % 1000 = 3;

INSERT INTO livedash.session_search (session_id, part, document)
SELECT id, 'messages', array_to_tsvector(ARRAY[
    'company:' || company_id, 'common', 'word' || n % 7, 'frequent' || n % 20, 'rare' || n % 5000, 'once' || n,
    'name' || (CAST(n AS int8) * 7919) % 20000, 'thing' || (CAST(n AS int8) * 104729) % 300])
FROM made WHERE fetched = 'COMPLETED' ORDER BY n;

INSERT INTO livedash.question (company_id, content, normal_form, language)
SELECT company_id, 'Question ' || n || '?', n, 'en' FROM made ORDER BY n;

INSERT INTO livedash.session_question (session_id, position, question_id, raw_text)
SELECT id, 1, n, 'a question' FROM made WHERE fetched = 'COMPLETED' UNION ALL
SELECT id, 2, n % :companies + :companies * (1 + floor(power(random(), 4) * (:sessions / :companies - 2))), 'often'
FROM made WHERE fetched = 'COMPLETED' AND n % 5 < 4 ON CONFLICT DO NOTHING;

INSERT INTO livedash.topic (company_id, central_id, compared)
SELECT company_id, n, true FROM made WHERE n / :companies % 4 = 1 ORDER BY n;

INSERT INTO livedash.topic_member (question_id, company_id, topic_id, placed_by, wording_digest)
SELECT n, made.company_id, topic.id, 'rule', md5(n::text)
FROM made JOIN livedash.topic ON central_id = CASE
    WHEN n % :companies = 2 AND n > :sessions * 9 / 10 THEN :companies + 2
    ELSE n - :companies * (n / :companies % 4 - 1) END;

INSERT INTO livedash.session_day_count (facet, company_id, day, value, sessions) {sessions} ORDER BY day;

INSERT INTO livedash.session_month_count (facet, company_id, month, value, sessions)
SELECT facet, company_id, date_trunc('month', day), value, sum(sessions) FROM livedash.session_day_count
WHERE facet <> 'hour' GROUP BY 1, 2, 3, 4;

INSERT INTO livedash.question_day_count (question_id, day, sessions) {questions} ORDER BY day;

INSERT INTO livedash.question_month_count (question_id, month, sessions)
SELECT question_id, date_trunc('month', day), sum(sessions) FROM livedash.question_day_count GROUP BY 1, 2;

UPDATE livedash.question SET sessions = counted.sessions FROM (
    SELECT question_id, sum(sessions) AS sessions FROM livedash.question_day_count GROUP BY question_id
) AS counted WHERE counted.question_id = question.id;

INSERT INTO livedash.ai_cost_daily
    (day, company_id, model, mode, outcome, requests, unpriced, unusable, prompt_tokens, cached_tokens,
     cache_write_tokens, completion_tokens, reasoning_tokens, cost, max_cost)
SELECT CAST(moment AS date), company_id, 'a-model', 'realtime', 'answered', count(*), 0, 0, 900 * count(*), 0, 0,
       90 * count(*), 0, 0.001 * count(*), 0
FROM made WHERE fetched = 'COMPLETED' GROUP BY 1, 2
"""

_LARGEST = "SELECT id FROM livedash.topic ORDER BY sessions DESC, id LIMIT 1"
_WIDEST = "SELECT topic_id FROM livedash.topic_member GROUP BY topic_id ORDER BY count(*) DESC, topic_id LIMIT 1"


#: Pages that read sessions or their states.
LISTS = {
    "Pipeline": "",
    "Pipeline of a company": "?company=Company+2",
    "Failures": "failures",
    "Sessions": "sessions",
    "Sessions that failed": f"sessions?stage={FETCH}&state=failed",
    "Sessions that wait": f"sessions?stage={LAST}&state=waiting",
    "Sessions by category and sentiment": "sessions?category=ONBOARDING&sentiment=NEGATIVE",
    "Sessions that failed, by day": f"sessions?stage={FETCH}&state=failed&from=2020-01-01&to=2020-01-02",
}


def pages(server: Server) -> list[Row]:
    """the server's time for each page, and how large it is"""
    sessions = server.scale.large_backlog
    with server.database() as database:
        fill(database, sessions)
        with database.engine.connect() as connection:
            a_session = connection.scalar(text("SELECT session_id FROM livedash.message LIMIT 1"))
            largest, widest = (connection.scalar(text(query)) for query in (_LARGEST, _WIDEST))
        addresses = LISTS | {
            "Session": f"sessions/{a_session}",
            "Sessions of an outcome and category": "sessions?outcome=UNRESOLVED&category=ONBOARDING",
            "Search, a rare word": "sessions?q=rare17",
            "Search, a word of a company": "sessions?q=thing33&company=Company+2",
            "Search, a frequent word": "sessions?q=frequent3",
            "Search, two words and an outcome": "sessions?q=word3+thing33&outcome=RESOLVED",
            "Search, a word of each session": "sessions?q=common&company=Company+2",
            "Search, nothing": "sessions?q=nothing+common",
            "Costs": "costs",
            "Insights, 30 days": "insights",
            "Insights, a year": "insights?from=2020-01-01",
            "Insights, a year of a company": "insights?from=2020-01-01&company=Company+2",
            "Topic, the largest": f"topics/{largest}",
            "Topic, the largest, a year": f"topics/{largest}?from=2020-01-01",
            "Topic of many wordings": f"topics/{widest}",
            "Sessions of a topic": f"sessions?topic={largest}",
        }
        return measured_pages(database, addresses, server.scale.page_views, sessions)


def fill(database: Database, sessions: int) -> None:
    """Fill the tables with a year of so many sessions."""
    parameters = {"companies": COMPANIES, "sessions": sessions, "stages": list(BUILT_IN.names)}
    counted = {
        "sessions": counting._SESSIONS.format(sessions=counting._ALL),
        "questions": counting._QUESTIONS.format(sessions=counting._ALL),
    }
    with database.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no foreign key is looked up
        for statement in FILL.split(";"):
            filled = statement
            for name, query in counted.items():
                filled = filled.replace(f"{{{name}}}", query)
            connection.execute(text(filled), parameters)
        for company_id in connection.scalars(text("SELECT id FROM livedash.company")).all():
            refresh_counts(connection, company_id)
    database.execute("VACUUM ANALYZE")
    database.execute("CHECKPOINT")


def measured_pages(database: Database, addresses: dict[str, str], views: int, sessions: int) -> list[Row]:
    """View each page so many times, in turn with a static file; two rows per page."""
    engine = make_engine(database.url)
    rows = _measured(pages_for_everyone(engine), addresses, views, sessions)
    engine.dispose()
    return rows


def pages_for_everyone(engine: Engine) -> Starlette:
    """The pages at ``/livedash``, without a login: each visitor may read and run everything."""
    app = create_app(
        open_engine=lambda: engine,
        can_read=lambda: None,
        may_run=lambda: lambda _: True,
        visitor=lambda: Visitor("bench", None),
        pipeline=BUILT_IN,
    )
    return Starlette(routes=[Mount("/livedash", app)])


def _measured(mounted: Starlette, addresses: dict[str, str], views: int, sessions: int) -> list[Row]:
    rows = []
    with TestClient(mounted, base_url="http://localhost/livedash/", headers={"Accept": "text/html"}) as client:
        for name, address in addresses.items():
            figures: list[float] = []
            yardstick: list[float] = []
            size = 0
            for number in range(views + 3):
                milliseconds, size = _view(client, address)
                bare, _ = _view(client, "static/icon.svg")
                if number >= 3:  # after those that fill caches
                    figures.append(milliseconds)
                    yardstick.append(bare)
            slow = SEARCH_P95_MILLISECONDS if name.startswith("Search") else P95_MILLISECONDS
            goal = PIPELINE_MILLISECONDS if name in ("Pipeline", "Pipeline of a company") else MEDIAN_MILLISECONDS
            if name.startswith("Search"):
                goal = slow
            p95 = quantiles(figures, n=20)[-1]
            rows += [
                Row(
                    f"{name}, over {sessions:,} sessions: median of {views}",
                    "ms",
                    [median(figures)],
                    "a static file",
                    [median(yardstick)],
                    at_most(goal),
                    correct=size <= 1000 * KILOBYTES,
                    note=f"{size / 1000:.0f} KB",
                ),
                Row(f"{name}: p95", "ms", [p95], goal=at_most(slow)),
            ]
    return rows


def _view(client: TestClient, address: str) -> tuple[float, int]:
    began = time.perf_counter()
    answer = client.get(address)
    milliseconds = 1000 * (time.perf_counter() - began)
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code}")
    return milliseconds, len(answer.content)
