"""How long a first pass over new questions takes, how much memory, and how long a topic's page takes afterwards."""

from __future__ import annotations

from itertools import islice, product

from sqlalchemy import text

from livedash_core.bulk_insert import copy_into
from tests.bench.database import Server
from tests.bench.harness import Row, at_most
from tests.bench.pages import measured_pages
from tests.bench.product import LIVEDASH, measured

SECONDS, MEGABYTES = 300, 600
_ASK = ("How do I", "Where can I", "When can I", "May I", "Why can't I", "Who helps me to", "How long does it take to")
_DO = ("request", "change", "cancel", "see", "extend", "correct", "download", "swap", "claim", "print", "share", "stop")
_WHAT = (
    "leave", "overtime", "payslips", "a badge", "the roster", "travel costs", "a uniform", "parental leave", "a bonus",
    "the contract", "sick days", "a training", "the pension", "a parking space", "expenses", "a locker",
)  # fmt: skip
_WHERE = ("Utrecht", "Venlo", "Kassel", "Leipzig", "Ghent", "Lyon", "Sevilla", "Breda", "Neuss", "Almere")
_WHEN = (
    "in January", "in March", "in summer", "next week", "after my holiday", "before my contract ends", "on a Sunday",
    "during probation",
)  # fmt: skip

_FILL = """
INSERT INTO livedash.session_import (id, company_id, external_session_id, started_at, ended_at)
SELECT gen_random_uuid(), company_id, 'S-' || question.id, CURRENT_DATE - question.id % 90 * interval '1 day', now()
FROM livedash.question;
INSERT INTO livedash.session (id, company_id, started_at, ended_at, language, category, outcome)
SELECT id, company_id, started_at, ended_at, 'en', 'ONBOARDING',
       (CAST('{RESOLVED,UNRESOLVED,HANDED_OVER}' AS text[]))[1 + abs(hashtext(external_session_id)) % 3]
FROM livedash.session_import;
INSERT INTO livedash.session_question (session_id, position, question_id, raw_text)
SELECT id, 1, CAST(substr(external_session_id, 3) AS bigint), 'x' FROM livedash.session_import;
UPDATE livedash.question SET sessions = 1
"""


def topics(server: Server) -> list[Row]:
    """a first pass over new questions without a model, and a topic's page"""
    number = server.scale.questions
    with server.database() as database:
        with database.engine.begin() as connection:
            company_id = connection.scalar(text("SELECT id FROM livedash.company"))
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            asked = (" ".join(words) for words in product(_ASK, _DO, _WHAT, _WHERE, _WHEN))
            rows = [(company_id, f"{question}?", question.casefold(), "en") for question in islice(asked, number)]
            copy_into(connection, "livedash.question", ("company_id", "content", "normal_form", "language"), rows)
            for statement in _FILL.split(";"):
                connection.execute(text(statement))
        database.execute("VACUUM ANALYZE")
        settings = {"LIVEDASH_DATABASE_URL": database.url, "LIVEDASH_ANALYZER": "offline"}
        said, peak = measured(server, [str(LIVEDASH), "topics", "group", "--no-model", "--json"], settings)
        (grouped,) = said.values()
        with database.engine.connect() as connection:
            largest = connection.scalar(text("SELECT id FROM livedash.topic ORDER BY sessions DESC, id LIMIT 1"))
        page = measured_pages(database, {"Topic": f"topics/{largest}"}, server.scale.page_views, number)
    title = f"{number:,} new questions grouped, without a model"
    note = f"{grouped['candidates']:,} candidates"
    return [
        Row(
            title,
            "s",
            [peak["seconds"]],
            goal=at_most(SECONDS),
            correct=grouped["questions"] == len(rows) and grouped["error"] is None,
            note=note,
        ),
        Row(f"{title}: memory", "MB", [peak["peak_megabytes"]], goal=at_most(MEGABYTES)),
        *page,
    ]
