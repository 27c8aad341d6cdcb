"""The whole pipeline as one would write it in plain Airflow: a mapped task per session that does all steps.

With LiveDash's parser and offline analyzer, and a table of its own with one row per session. A failed session is a red
task: there is no reason per stage, no ledger, and a retry repeats all steps.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task

STORE = """
INSERT INTO public.mapped_session VALUES (%s, %s, %s)
ON CONFLICT (session_id) DO UPDATE SET messages = excluded.messages, analysis = excluded.analysis
"""


@dag(dag_id="bench_mapped", schedule=None, params={"csv_url": "", "conninfo": ""}, tags=["bench"])
def bench_mapped() -> None:
    @task
    def rows(params: dict[str, Any]) -> list[dict[str, str]]:
        import csv

        import httpx2

        answer = httpx2.get(params["csv_url"], trust_env=False).raise_for_status()
        return [
            {"id": row[0], "started": row[1], "ended": row[2], "language": row[5], "url": row[10]}
            for row in csv.reader(answer.text.splitlines())
        ]

    @task(retries=2)
    def process(row: dict[str, str], params: dict[str, Any]) -> None:
        import asyncio
        import json
        from dataclasses import asdict
        from uuid import uuid4
        from zoneinfo import ZoneInfo

        import httpx2
        import psycopg

        from livedash_core.analysis.contract import AnalysisRequest, Turn
        from livedash_core.analysis.offline import OfflineAnalyzer
        from livedash_core.local.sample import TIMEZONE
        from livedash_core.parsing.session_times import interpret
        from livedash_core.parsing.transcript import parse_transcript

        transcript = httpx2.get(row["url"], trust_env=False).raise_for_status().text
        zone = ZoneInfo(TIMEZONE)
        times = interpret(row["started"], row["ended"], zone)
        parsed = parse_transcript(transcript, started_at=times.started_at, ended_at=times.ended_at, zone=zone)
        turns = tuple(Turn(message.role, message.content) for message in parsed.messages)
        request = AnalysisRequest(uuid4(), uuid4(), turns, row["language"])
        found = asyncio.run(OfflineAnalyzer().analyze(request))
        messages = json.dumps([asdict(turn) for turn in turns])
        with psycopg.connect(params["conninfo"]) as connection:
            connection.execute(STORE, (row["id"], messages, repr(found)))

    process.expand(row=rows())


bench_mapped()
