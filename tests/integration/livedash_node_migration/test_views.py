"""The old dashboard's read queries say the same on our views as they did on its tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text

from livedash_core.enums import CATEGORIES, COMPANY_STATUSES, SENTIMENTS, STAGE_STATUSES
from tests.integration.livedash_node_migration.conftest import Migrate, NewNode
from tests.integration.livedash_node_migration.livedash_node import LivedashNode, reference_case

VIEWS = (
    *("Company", "Session", "SessionImport", "Message", "Question", "SessionQuestion", "AIProcessingRequest"),
    "SessionProcessingStatus",
)
COLUMNS = """
    SELECT column_name, udt_name, datetime_precision FROM information_schema.columns
    WHERE table_schema = %s AND table_name = %s
"""
#: As its pages ask, through Prisma: the session list with a filter and without, its filters' options, a session with
#: its messages, and what the metrics are computed from.
QUERIES = {
    "list": """
        SELECT "id", "companyId", "startTime", "endTime", "createdAt", "category", "language", "country", "ipAddress",
               "sentiment", "messagesSent", "avgResponseTime", "escalated", "forwardedHr", "initialMsg",
               "fullTranscriptUrl"
        FROM "Session" WHERE "companyId" = %(company)s ORDER BY "startTime" DESC LIMIT 10 OFFSET 20
    """,
    "filtered list": """
        SELECT "id", "category" FROM "Session"
        WHERE "companyId" = %(company)s AND "category" = CAST('LEAVE_VACATION' AS "SessionCategory")
          AND "language" = 'nl' AND "startTime" >= '2025-06-27' AND "startTime" < '2025-06-28'
          AND ("id" LIKE '%%5%%' OR "initialMsg" LIKE '%%5%%' OR "summary" LIKE '%%leave%%')
        ORDER BY "category" DESC, "startTime" DESC LIMIT 10
    """,
    "count": 'SELECT count(*) FROM "Session" WHERE "companyId" = %(company)s',
    "categories": """
        SELECT "category" FROM "Session" WHERE "category" IS NOT NULL GROUP BY "category" ORDER BY "category"
    """,
    "languages": """
        SELECT "language" FROM "Session" WHERE "language" IS NOT NULL GROUP BY "language" ORDER BY "language"
    """,
    "session": """
        SELECT "id", "importId", "startTime", "summary", "processed" FROM "Session" WHERE "id" = %(session)s
    """,
    "messages": """
        SELECT "sessionId", "timestamp", "role", "content", "order" FROM "Message"
        WHERE "sessionId" IN (%(session)s) ORDER BY "order"
    """,
    "metrics": """
        SELECT "id", "companyId", "startTime", "endTime", "createdAt", "category", "language", "country", "ipAddress",
               "sentiment", "messagesSent", "avgResponseTime", "escalated", "forwardedHr", "initialMsg",
               "fullTranscriptUrl", "summary"
        FROM "Session"
        WHERE "companyId" = %(company)s AND "startTime" BETWEEN '2025-06-28' AND '2025-06-29 23:59:59.999'
        ORDER BY "id"
    """,
    "questions": """
        SELECT asked."sessionId", asked."order", asked."questionId", question."id", question."content"
        FROM "SessionQuestion" AS asked JOIN "Question" AS question ON question."id" = asked."questionId"
        WHERE asked."sessionId" IN (SELECT "id" FROM "Session") ORDER BY 1, 2
    """,
    "company": 'SELECT "id", "name", "csvUrl", "dashboardOpts", "sentimentAlert" FROM "Company"',
    "imports": """
        SELECT "id", "companyId", "externalSessionId", "startTimeRaw", "messagesSent", "tokensEur", "status",
               "rawTranscriptContent", "createdAt"
        FROM "SessionImport" ORDER BY "id"
    """,
    "costs": """
        SELECT "id", "sessionId", "openaiRequestId", "model", "promptTokens", "totalTokens", "totalCostEur", "success",
               "processingType", "promptTokenCost", "requestedAt"
        FROM "AIProcessingRequest" ORDER BY "id"
    """,
}


class Side:
    """A database asked with its search path set, as the old system would."""

    def __init__(self, url: str, schema: str) -> None:
        self.schema = schema
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute(f"SET search_path = {schema}".encode())

    def ask(self, query: str, **parameters: Any) -> list[Any]:
        return self.connection.execute(query.encode(), parameters).fetchall()

    def columns(self, table: str) -> dict[str, tuple[str, int | None]]:
        rows = self.connection.execute(COLUMNS.encode(), [self.schema, table])
        return {name: (kind, precision) for name, kind, precision in rows}


@pytest.fixture
def ours(database_url: str) -> Iterator[Side]:
    side = Side(database_url, "livedash_compat")
    yield side
    side.connection.close()


@pytest.fixture
def node(new_node: NewNode, migrate: Migrate) -> LivedashNode:
    node = new_node()
    reference_case(node)
    node.execute("""UPDATE "Company" SET "dashboardOpts" = '{"theme": "dark"}', "sentimentAlert" = 0.25""")
    node.execute(
        """UPDATE "SessionImport" SET "ipAddress" = '10.1.2.3', "tokensEur" = 0.1 + 0.2, "initialMessage" = ' hm ' """
    )
    node.execute('UPDATE "Session" SET "ipAddress" = \'10.1.2.3\', "avgResponseTime" = 1 / 3.0, "messagesSent" = 3')
    migrate(node)
    return node


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_old_dashboard_returns_the_same(node: LivedashNode, ours: Side, query: str) -> None:
    (session, company) = node.execute('SELECT id, "companyId" FROM "Session" WHERE summary IS NOT NULL').fetchall()[7]
    theirs = Side(node.url, "public")
    expected = theirs.ask(QUERIES[query], session=session, company=company)
    theirs.connection.close()

    assert expected
    assert ours.ask(QUERIES[query], session=session, company=company) == expected


@pytest.mark.parametrize("refactored", [False, True])
def test_every_column_of_the_old_tables_is_there_with_its_type(new_node: NewNode, ours: Side, refactored: bool) -> None:
    old = new_node(refactored=refactored)
    theirs = Side(old.url, "public")
    for table in VIEWS:
        if table in old.columns:
            missing = theirs.columns(table).items() - ours.columns(table).items()
            assert missing == ({("id", ("text", None))} - ours.columns(table).items()), table
    theirs.connection.close()


def test_credentials_are_never_shown_and_never_stored(node: LivedashNode, ours: Side, engine: Engine) -> None:
    assert ours.ask('SELECT "csvUsername", "csvPassword" FROM "Company"') == [(None, None)]
    with engine.connect() as connection:
        for schema, table in connection.execute(
            text("SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE 'livedash%'")
        ).all():
            rows = connection.scalars(text(f'SELECT stored::text FROM {schema}."{table}" AS stored'))
            assert not any("p@ss" in row or "jürgen" in row for row in rows), table


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_can_be_written_through_a_view(ours: Side, view: str) -> None:
    for statement in ('DELETE FROM "{}"', 'UPDATE "{}" SET "id" = NULL', 'INSERT INTO "{}" DEFAULT VALUES'):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="cannot"):
            ours.ask(statement.format(view))


@pytest.mark.parametrize(
    ("view", "column", "indexes"),
    [
        ("Session", "id", ("ix_session_shown_id", "pk_session_import")),
        ("Message", "sessionId", ("ix_session_shown_id", "pk_message")),
        ("SessionQuestion", "sessionId", ("ix_session_shown_id", "uq_session_question_session_id_question_id")),
        ("SessionProcessingStatus", "sessionId", ("ix_session_shown_id", "pk_session_processing_status")),
        ("Question", "id", ("ix_question_shown_id",)),
    ],
)
def test_a_lookup_by_id_uses_an_index(
    node: LivedashNode, ours: Side, view: str, column: str, indexes: tuple[str, ...]
) -> None:
    ours.connection.execute("SET enable_seqscan = off")
    plan = "\n".join(row[0] for row in ours.ask(f'EXPLAIN SELECT * FROM "{view}" WHERE "{column}" = \'x\''))

    assert all(index in plan for index in indexes), plan


def test_the_types_of_the_views_have_all_our_values(ours: Side) -> None:
    """A category or status without a value there would break every query over it."""
    for name, values in (
        ("SentimentCategory", SENTIMENTS),
        ("SessionCategory", CATEGORIES),
        ("ProcessingStatus", STAGE_STATUSES),
        ("CompanyStatus", COMPANY_STATUSES),
    ):
        ((labels,),) = ours.ask(f'SELECT enum_range(NULL::"{name}")::text[]')
        assert set(labels) == set(values)
