"""What comes in from companies' servers: slow transcripts, and a CSV as large as they get."""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import insert

from livedash_core.models import SessionImport
from livedash_core.settings import Settings
from livedash_core.stages.stage import StageContext
from livedash_core.stages.transcript_fetch import TranscriptFetch
from tests.bench import bare_fetch
from tests.bench.database import COMPANY, Database, Server, new_ids
from tests.bench.file_server import serving
from tests.bench.harness import Row, at_most, interleaved, ratio_at_least, ratio_at_most, seconds
from tests.bench.instant_model_server import answering
from tests.bench.product import add_source, measured, new_directory
from tests.bench.stages import CREATE, EMPTY, FORGET, begin, copy_csv, run_stage
from tests.bench.synthetic_data import BEGINNING, CSV_NAME, transcript, write_csv

ANSWER_SECONDS = 0.05
AT_ONCE = 32
MEGABYTES = 200


def slow_transcripts(server: Server) -> list[Row]:
    """transcripts from a server that takes its time, against its responses alone"""
    number = server.scale.transcripts
    settings = Settings(fetch_concurrency=AT_ONCE, fetch_per_origin=AT_ONCE)
    canned = answering("text/plain; charset=utf-8", transcript(10), seconds=ANSWER_SECONDS)
    with server.database() as database, canned as url:
        add_source(database, url, "UTC")

        def ours() -> float:
            database.execute(FORGET)
            _add_links(database, f"{url}/t.txt", number)
            database.settle("livedash.session_import")
            stage = TranscriptFetch(StageContext(database.engine, settings))
            return seconds(lambda: run_stage(database, stage, number))

        def bare() -> float:
            return seconds(lambda: asyncio.run(bare_fetch.get(f"{url}/t.txt", number, AT_ONCE)))

        figures = interleaved(server.scale.long_rounds, {"ours": ours, "bare": bare})
    return [
        Row(
            f"{number:,} transcripts, {AT_ONCE} at once, from a server that takes {1000 * ANSWER_SECONDS:.0f} ms",
            "s",
            figures["ours"],
            f"its responses alone: transcripts × {ANSWER_SECONDS:g} s / {AT_ONCE}",
            [number * ANSWER_SECONDS / AT_ONCE] * server.scale.long_rounds,
            ratio_at_most(1.3),
        ),
        Row("the same", "s", figures["ours"], "the leanest client: bare transports", figures["bare"]),
    ]


def _add_links(database: Database, url: str, number: int) -> None:
    ids = new_ids(number)
    rows = [
        {"id": key, "company_id": database.company_id, "external_session_id": str(key), "full_transcript_url": url,
         "started_at": BEGINNING, "ended_at": BEGINNING}
        for key in ids
    ]  # fmt: skip
    with database.engine.begin() as connection:
        connection.execute(insert(SessionImport), rows)
    database.initialize(ids)


def large_csv(server: Server) -> list[Row]:
    """a very large CSV: its import in a process of its own, the same again, against csv.reader + COPY"""
    number = server.scale.large_csv_rows
    directory = new_directory(server, "large")
    write_csv(directory / CSV_NAME, number)
    with server.database() as database, serving(directory) as url:
        add_source(database, url, "UTC")
        said, peak = measured(server, [sys.executable, "-m", "tests.bench.import_twice", database.url], {})
        with database.bare(autocommit=False) as bare:
            begin(bare, CREATE)
            begin(bare, EMPTY)
            file = directory / CSV_NAME
            bare_seconds = seconds(lambda: copy_csv(bare, file, database.company_id, with_status=False))
    work, first = f"import of a CSV of {number:,} rows", said["first"]
    return [
        Row(f"{work}: memory, twice in a row", "MB", [peak["peak_megabytes"]], goal=at_most(MEGABYTES)),
        Row(
            work,
            "rows/s",
            [number / first],
            "csv.reader + bare COPY of the same rows",
            [number / bare_seconds],
            ratio_at_least(0.3),
            correct=said["imported"] == number,
        ),
        Row(
            f"{work}, unchanged, each row compared",
            "s",
            [said["again"]],
            "the first time",
            [first],
            ratio_at_most(0.5),
            correct=said["changed"] == 0,
        ),
        Row(
            f"{work}, unchanged, from a server that tells no versions",
            "s",
            [said["known"]],
            "the first time",
            [first],
            ratio_at_most(0.5),
            correct=said["unchanged"] == [COMPANY],
        ),
    ]
