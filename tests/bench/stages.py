"""The two stages that write the most rows, through their own code, against COPY of the same rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from sqlalchemy import insert
from uuid6 import uuid7

from livedash_core.models import SessionImport, SessionTranscript
from livedash_core.operations.companies import update_company
from livedash_core.parsing.csv_rows import COLUMNS
from livedash_core.pipeline import BUILT_IN
from livedash_core.stages.csv_import.stage import CsvImport
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.session_creation import SessionCreation
from livedash_core.stages.stage import Stage, StageContext
from tests.bench.database import COMPANY, Database, Server, new_ids
from tests.bench.file_server import serving
from tests.bench.harness import Row, interleaved, ratio_at_least, seconds
from tests.bench.synthetic_data import BEGINNING, CSV_NAME, transcript, write_csv

MESSAGES = 10
MESSAGE_COLUMNS = ("session_id", "position", "role", "content", "sent_at")
STATUS_COLUMNS = ("session_id", "company_id", "stage", "status", "available_at")
#: The same columns and indexes as ours; no foreign keys, no CHECKs, no defaults.
CREATE = """
CREATE SCHEMA bare;
CREATE TABLE bare.session_import (LIKE livedash.session_import INCLUDING INDEXES);
ALTER TABLE bare.session_import ALTER imported_at DROP NOT NULL, ALTER changed_at DROP NOT NULL;
CREATE TABLE bare.status (LIKE livedash.session_processing_status INCLUDING INDEXES);
ALTER TABLE bare.status ALTER attempts DROP NOT NULL;
CREATE TABLE bare.message (LIKE livedash.message INCLUDING INDEXES);
"""
EMPTY = "TRUNCATE bare.session_import, bare.status, bare.message"
FORGET = """
TRUNCATE livedash.session_import, livedash.session_transcript, livedash.session, livedash.message,
    livedash.session_question, livedash.session_analysis, livedash.ai_processing_request,
    livedash.company_csv,
    livedash.session_processing_status, livedash.session_processing_delta, livedash.session_processing_count CASCADE
"""


def csv_import(server: Server) -> list[Row]:
    """a large CSV, fetched and imported, against csv.reader + COPY"""
    number = server.scale.csv_rows
    directory = server.directory / "csv"
    directory.mkdir()
    write_csv(directory / CSV_NAME, number)
    with server.database() as database, database.bare(autocommit=False) as bare, serving(directory) as url:
        begin(bare, CREATE)
        with database.engine.begin() as connection:
            update_company(connection, COMPANY, {"csv_url": f"{url}/{CSV_NAME}", "allowed_networks": ["127.0.0.0/8"]})

        def ours() -> float:
            database.execute(FORGET)
            database.execute("CHECKPOINT")
            return number / seconds(lambda: run_stage(database, CsvImport(StageContext(database.engine)), number))

        def theirs(*, with_status: bool) -> float:
            begin(bare, EMPTY)
            file = directory / CSV_NAME
            return number / seconds(lambda: copy_csv(bare, file, database.company_id, with_status=with_status))

        figures = interleaved(
            server.scale.long_rounds,
            {
                "ours": ours,
                "rows": lambda: theirs(with_status=False),
                "rows and status": lambda: theirs(with_status=True),
            },
        )
    work, goal = f"CSV import, {number:,} rows, each with {len(BUILT_IN.names)} status rows", ratio_at_least(0.3)
    return [
        Row(work, "rows/s", figures["ours"], "csv.reader + bare COPY of the same rows", figures["rows"], goal),
        Row(work, "rows/s", figures["ours"], "the same, and COPY of the status rows", figures["rows and status"]),
    ]


def copy_csv(bare: psycopg.Connection[Any], file: Path, company_id: UUID, *, with_status: bool) -> None:
    """The yardstick of an import: its rows, and if asked its status rows."""
    ids: list[UUID] = []

    def rows() -> Iterable[Sequence[object]]:
        with file.open(newline="", encoding="utf-8") as lines:
            for record in csv.reader(lines):
                ids.append(uuid7())
                yield (ids[-1], company_id, *record)

    _copy(bare, "bare.session_import", ("id", "company_id", *COLUMNS), rows())
    if with_status:
        status = [("COMPLETED", BEGINNING), ("PENDING", BEGINNING), *[("PENDING", None)] * (len(BUILT_IN.names) - 2)]
        _copy(
            bare,
            "bare.status",
            STATUS_COLUMNS,
            (
                (session_id, company_id, stage, word, at or "infinity")
                for session_id in ids
                for stage, (word, at) in zip(BUILT_IN.names, status, strict=True)
            ),
        )
    bare.commit()


def session_creation(server: Server) -> list[Row]:
    """transcripts of ten messages made into sessions, against COPY of the messages"""
    number = server.scale.created
    with server.database() as database, database.bare(autocommit=False) as bare:
        begin(bare, CREATE)
        ids = new_ids(number)

        def ours() -> float:
            database.execute(FORGET)
            add_transcripts(database, ids)
            database.settle("livedash.session_import", "livedash.session_transcript")
            stage = SessionCreation(StageContext(database.engine))
            return number * MESSAGES / seconds(lambda: run_stage(database, stage, number))

        def theirs() -> float:
            begin(bare, EMPTY)
            return len(messages) / seconds(lambda: _copy_messages(bare, messages))

        ours()  # so that there are messages to copy
        with database.engine.connect() as connection:
            columns = ", ".join(MESSAGE_COLUMNS)
            found = connection.exec_driver_sql(f"SELECT {columns} FROM livedash.message ORDER BY 1, 2")
            messages = [tuple(row) for row in found]
        figures = interleaved(server.scale.rounds, {"ours": ours, "theirs": theirs})
    return [
        Row(
            f"session creation, {number:,} sessions of {MESSAGES} messages",
            "messages/s",
            figures["ours"],
            "bare COPY of the same messages",
            figures["theirs"],
            ratio_at_least(0.3),
            correct=len(messages) == number * MESSAGES,
        )
    ]


def _copy_messages(bare: psycopg.Connection[Any], messages: Iterable[Sequence[object]]) -> None:
    _copy(bare, "bare.message", MESSAGE_COLUMNS, messages)
    bare.commit()


def add_transcripts(database: Database, ids: list[UUID]) -> None:
    text = transcript(MESSAGES)
    rows = [
        {"id": key, "company_id": database.company_id, "external_session_id": str(key), "started_at": BEGINNING,
         "ended_at": BEGINNING}
        for key in ids
    ]  # fmt: skip
    with database.engine.begin() as connection:
        connection.execute(insert(SessionImport), rows)
        connection.execute(insert(SessionTranscript), [{"session_id": key, "content": text} for key in ids])
    database.initialize(ids, completed_stages=2)


def run_stage(database: Database, stage: Stage, expected: int) -> None:
    """Drain one stage. Raises ``RuntimeError`` unless that completes as many sessions as expected."""
    report = Runner(database.engine, stage, BUILT_IN).run()
    if report.completed != expected:
        raise RuntimeError(f"{report.completed} of {expected} sessions went through {stage.name}: {report.failures}")


def begin(bare: psycopg.Connection[Any], statement: LiteralString) -> None:
    """Execute one statement before the clock starts."""
    # Committed at once: its locks would keep others from emptying the tables.
    bare.execute(statement)
    bare.commit()


def _copy(bare: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with bare.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
