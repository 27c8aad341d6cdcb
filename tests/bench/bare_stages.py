"""The work of the stages without a database: ``python -m tests.bench.bare_stages CSV_URL`` prints seconds as JSON.

The same CSV, the same transcripts, as many at once, through the same client, parsers and analyzer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from ipaddress import ip_network
from uuid import uuid4
from zoneinfo import ZoneInfo

from livedash_core.analysis.contract import AnalysisRequest, Turn
from livedash_core.analysis.offline import OfflineAnalyzer
from livedash_core.clients.fetch import Fetcher
from livedash_core.clients.source import Source
from livedash_core.local.sample import TIMEZONE
from livedash_core.parsing.csv_rows import COLUMNS, Row, read_rows
from livedash_core.parsing.session_times import interpret
from livedash_core.parsing.transcript import ParsedMessage, parse_transcript
from livedash_core.settings import Settings

URL = COLUMNS.index("full_transcript_url")
LANGUAGE = COLUMNS.index("language")
ZONE = ZoneInfo(TIMEZONE)


async def import_csv(source: Source) -> list[Row]:
    with tempfile.TemporaryFile() as file:
        async with Fetcher() as fetcher:
            await fetcher.download(source.csv_url, source, file)
        return [row for row in read_rows(file) if isinstance(row, Row)]


async def fetch(source: Source, rows: list[Row]) -> list[str]:
    turns = asyncio.Semaphore(Settings().fetch_concurrency)
    async with Fetcher() as fetcher:

        async def one(row: Row) -> str:
            async with turns:
                return (await fetcher.text(str(row.values[URL]), source)).content

        return list(await asyncio.gather(*map(one, rows)))


async def parse(rows: list[Row], transcripts: list[str]) -> list[list[ParsedMessage]]:
    return [
        parse_transcript(text, started_at=times.started_at, ended_at=times.ended_at, zone=ZONE).messages
        for row, text in zip(rows, transcripts, strict=True)
        if (times := interpret(row.values[1], row.values[2], ZONE))
    ]


async def analyze(rows: list[Row], sessions: list[list[ParsedMessage]]) -> None:
    analyzer = OfflineAnalyzer()
    for row, messages in zip(rows, sessions, strict=True):
        turns = tuple(Turn(message.role, message.content) for message in messages)
        await analyzer.analyze(AnalysisRequest(uuid4(), uuid4(), turns, row.values[LANGUAGE]))


async def main() -> None:
    source = Source(uuid4(), "Bench", sys.argv[1], None, (), (ip_network("127.0.0.0/8"),))
    clock = [time.perf_counter()]

    def lap() -> float:
        clock.append(time.perf_counter())
        return clock[-1] - clock[-2]

    seconds = {}
    rows = await import_csv(source)
    seconds["CSV_IMPORT"] = lap()
    transcripts = await fetch(source, rows)
    seconds["TRANSCRIPT_FETCH"] = lap()
    sessions = await parse(rows, transcripts)
    seconds["SESSION_CREATION"] = lap()
    await analyze(rows, sessions)
    seconds["AI_ANALYSIS"] = lap()
    print(json.dumps({"sessions": len(sessions), "seconds": seconds}))


if __name__ == "__main__":
    asyncio.run(main())
