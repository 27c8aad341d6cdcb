"""`livedash migrate` against COPY of the same rows from one database into another."""

from __future__ import annotations

from typing import LiteralString

import psycopg

from tests.bench.database import Server
from tests.bench.harness import Row, at_most, interleaved, ratio_at_most, seconds
from tests.bench.product import LIVEDASH, MEGABYTES, measured
from tests.integration.livedash_node_migration.livedash_node import LivedashNode

MESSAGES = 10
#: Of the very large database, a question and an answer, so that source and target take 70 GB.
FEW_MESSAGES = 2
#: One in so many is analysed, with a request and two questions; as many again are shared by all.
ANALYSED_EVERY = 7
COMPANY = "00000000-0000-4000-8000-000000000001"

#: Everything that the bare COPY copies, too.
FILL: tuple[LiteralString, ...] = (
    """
    INSERT INTO "SessionImport" ("id", "companyId", "externalSessionId", "startTimeRaw", "endTimeRaw", "ipAddress",
        "countryCode", "language", "messagesSent", "fullTranscriptUrl", "avgResponseTimeSeconds", "tokens", "tokensEur",
        "initialMessage", "rawTranscriptContent", "status", "createdAt")
    SELECT md5('import' || n)::uuid, %(company)s, 'ext-' || n, to_char(start, 'DD.MM.YYYY HH24:MI:SS'),
           to_char(start + interval '9 min', 'DD.MM.YYYY HH24:MI:SS'), '10.0.0.1', 'NL', 'Dutch', %(messages)s,
           'https://chats.example/' || n || '.txt', 1.5, 120, 0.0021, 'Hello',
           (SELECT string_agg('User: ' || repeat(turn || ' how many days of leave do I have? ', 3), E'\\n')
            FROM generate_series(1, %(messages)s) AS turn), 'DONE', start
    FROM generate_series(1, %(sessions)s) AS n
    CROSS JOIN LATERAL (SELECT timestamp '2025-01-01' + n * interval '3 min' AS start) AS times
    """,
    """
    INSERT INTO "Session" ("id", "companyId", "importId", "startTime", "endTime", "country", "fullTranscriptUrl",
        "initialMsg", "messagesSent", "language", "sentiment", "category", "summary", "escalated", "forwardedHr",
        "processed", "createdAt", "updatedAt")
    SELECT md5('session' || n)::uuid, %(company)s, md5('import' || n)::uuid, start, start + interval '9 min', 'NL',
           'https://chats.example/' || n || '.txt', 'Hello', %(messages)s, CASE WHEN analysed THEN 'nl' END,
           CASE WHEN analysed THEN 'NEUTRAL'::"SentimentCategory" END,
           CASE WHEN analysed THEN 'LEAVE_VACATION'::"SessionCategory" END,
           CASE WHEN analysed THEN 'Somebody asked how many days of leave there are.' END, analysed, analysed, analysed,
           start, start
    FROM generate_series(1, %(sessions)s) AS n
    CROSS JOIN LATERAL (
        SELECT timestamp '2025-01-01' + n * interval '3 min' AS start, n %% %(every)s = 0 AS analysed
    ) AS facts
    """,
    """
    INSERT INTO "Message" ("id", "sessionId", "timestamp", "role", "content", "order", "createdAt")
    SELECT md5('message' || n || ' ' || turn)::uuid, md5('session' || n)::uuid,
           timestamp '2025-01-01' + n * interval '3 min' + turn * interval '30 s',
           CASE turn %% 2 WHEN 0 THEN 'User' ELSE 'Assistant' END,
           repeat(turn || ' how many days of leave do I have? ', 3), turn, now()
    FROM generate_series(1, %(sessions)s) AS n CROSS JOIN generate_series(0, %(messages)s - 1) AS turn
    """,
    """
    INSERT INTO "AIProcessingRequest" ("id", "sessionId", "openaiRequestId", "model", "promptTokens",
        "completionTokens", "totalTokens", "promptTokenCost", "completionTokenCost", "totalCostEur", "processingType",
        "success", "requestedAt", "completedAt")
    SELECT md5('request' || n)::uuid, md5('session' || n)::uuid, 'chatcmpl-' || n, 'gpt-4o', 900, 120, 1020,
           2.5e-6, 1e-5, 0.00345, 'session_analysis', true, timestamp '2025-06-01', timestamp '2025-06-01'
    FROM generate_series(%(every)s, %(sessions)s, %(every)s) AS n
    """,
    """
    INSERT INTO "Question" ("id", "content", "createdAt")
    SELECT md5('question' || n)::uuid, 'How many days of leave has team ' || n || '?', now()
    FROM generate_series(0, %(sessions)s / %(every)s) AS n
    """,
    """
    INSERT INTO "SessionQuestion" ("id", "sessionId", "questionId", "order", "createdAt")
    SELECT md5('asked' || n || ' ' || place)::uuid, md5('session' || n)::uuid,
           md5('question' || CASE place WHEN 0 THEN n / %(every)s ELSE 0 END)::uuid, place, now()
    FROM generate_series(%(every)s, %(sessions)s, %(every)s) AS n CROSS JOIN generate_series(0, 1) AS place
    """,
)


def migrate(server: Server) -> list[Row]:
    """a livedash-node database moved in, against COPY of the same rows"""
    return _migrate(server, server.scale.moved_in, MESSAGES)


def migrate_very_large(server: Server) -> list[Row]:
    """the same with 10,000,000 sessions (hours, and 70 GB; runs only when it is named)"""
    return _migrate(server, server.scale.very_large[1], FEW_MESSAGES)


def _migrate(server: Server, sessions: int, messages: int) -> list[Row]:
    peaks: list[float] = []
    sound: list[bool] = []
    with server.database() as source:
        node = LivedashNode(source.url)
        node.add("Company", id=COMPANY)
        sizes = {"company": COMPANY, "sessions": sessions, "messages": messages, "every": ANALYSED_EVERY}
        for statement in FILL:
            psycopg.ClientCursor(node.connection).execute(statement, sizes)
        source.execute("VACUUM ANALYZE")

        def ours() -> float:
            with server.database() as target:
                target.execute("CHECKPOINT")
                command = [str(LIVEDASH), "migrate", "--source", source.url, "--json"]
                said, peak = measured(server, command, {"LIVEDASH_DATABASE_URL": target.url})
            peaks.append(peak["peak_megabytes"])
            sound.append(said["sound"] and said["tables"]["Message"]["copied"] == sessions * messages)
            return peak["seconds"]

        def bare() -> float:
            with server.database() as target:
                target.execute("CHECKPOINT")
                other = LivedashNode(target.url)
                taken = seconds(lambda: _copy(node, other))
                other.close()
            return taken

        # A round takes many minutes at full size, in which what a warm-up would save is lost.
        figures = interleaved(1, {"ours": ours, "bare": bare}, warm_up=False)
        node.close()
    work = f"`livedash migrate`, {sessions:,} sessions with {sessions * messages:,} messages"
    correct = all(sound)
    note = "checksums agree, rows add up" if correct else "THE ROWS DO NOT ADD UP"
    return [
        Row(
            work,
            "s",
            figures["ours"],
            "bare COPY out and in of the same rows",
            figures["bare"],
            ratio_at_most(5),
            correct=correct,
            note=note,
        ),
        Row(f"{work}: memory", "MB", peaks, goal=at_most(MEGABYTES)),
    ]


def _copy(source: LivedashNode, target: LivedashNode) -> None:
    for table in source.columns:
        with (
            source.connection.cursor() as reading,
            target.connection.cursor() as writing,
            reading.copy(f'COPY "{table}" TO STDOUT'.encode()) as out,
            writing.copy(f'COPY "{table}" FROM STDIN'.encode()) as into,
        ):
            for block in out:
                into.write(block)
