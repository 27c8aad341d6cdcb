"""The memory of a process that works for an hour stays flat: the five stages, and the pages meanwhile.

New sessions of two companies arrive, one analysed offline and one by a model server. The time is
``LIVEDASH_SOAK_MINUTES`` (60); the resident set of each process is read sixty times in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from statistics import median

import httpx
import pytest
from psutil import Process
from sqlalchemy import Connection, text

from livedash_core.settings import PROJECT
from tests.bench.bare_loop import KEY, MODEL
from tests.bench.database import Database, Server
from tests.bench.model_server import answering
from tests.bench.pages import LISTS
from tests.bench.product import environment
from tests.bench.scale import SMALL
from tests.integration.records import Records
from tests.integration.stages.website import CSV, Site

MINUTES = float(os.environ.get("LIVEDASH_SOAK_MINUTES", "60"))
SAMPLES = 60
#: The first quarter fills caches.
MAX_GROWTH = 1.10
#: Sessions of each company in each CSV. Those of the last CSV are gone from the next.
ARRIVING = 25
PAGES = (*LISTS.values(), "insights", "costs", "sessions/export.csv?from=2026-03-01&to=2026-03-01")
FINISHED = """
SELECT count(*) FILTER (WHERE status = 'COMPLETED'), count(*) FILTER (WHERE status = 'FAILED')
FROM livedash.session_processing_status WHERE stage = 'QUESTION_EXTRACTION' OR status = 'FAILED'
"""


def test_the_memory_of_each_process_stays_flat(capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        database = stack.enter_context(stack.enter_context(Server(SMALL)).database())
        sites = [stack.enter_context(Site()) for _ in range(2)]
        records = Records(database.engine)
        for name, analyzer, site in zip(("Company 2", "Company 3"), ("offline", "openai"), sites, strict=True):
            records.company(name, analyzer=analyzer, csv_url=site.csv_url, allowed_networks=["127.0.0.0/8"])
        settings = {
            "LIVEDASH_ANALYZER": "openai",
            "LIVEDASH_MODEL": MODEL,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": stack.enter_context(answering(0.02)),
        }
        worker, _ = stack.enter_context(_started("tests.soak.worker", database, settings))
        pages, url = stack.enter_context(_started("tests.soak.page_server", database, settings))
        client = stack.enter_context(httpx.Client(base_url=url, headers={"Accept": "text/html"}, timeout=30))
        connection = stack.enter_context(database.engine.connect())
        processes = {"worker": worker, "pages": pages}
        resident: dict[str, list[float]] = {name: [] for name in processes}
        finished: list[int] = []
        with capsys.disabled():
            print()
            for number in _work(sites, connection, client):
                finished.append(number)
                for name, process in processes.items():
                    assert process.poll() is None, f"the {name} ended with {process.returncode}"
                    resident[name].append(Process(process.pid).memory_info().rss / 2**20)
                now = ", ".join(f"{name} {found[-1]:.1f} MiB" for name, found in resident.items())
                print(
                    f"minute {len(finished) * MINUTES / SAMPLES:.1f}: {number:,} sessions finished, {now}", flush=True
                )
    assert len(finished) == SAMPLES
    # A process without work does not grow either.
    quarter = SAMPLES // 4
    assert all(
        last - first >= 2 * ARRIVING
        for first, last in zip(finished[::quarter], finished[quarter - 1 :: quarter], strict=True)
    )
    assert {name: growth for name, found in resident.items() if (growth := _growth(found)) > MAX_GROWTH} == {}


def _growth(resident: Sequence[float]) -> float:
    """The last quarter's median, relative to the second quarter's."""
    quarter = len(resident) // 4
    return median(resident[-quarter:]) / median(resident[quarter : 2 * quarter])


def _work(sites: Sequence[Site], connection: Connection, client: httpx.Client) -> Iterator[int]:
    """Publish sessions and view pages; yields the number of finished sessions, as often as memory is read."""
    began = time.monotonic()
    addresses = cycle(PAGES)
    published = finished = samples = generation = 0
    while samples < SAMPLES:
        if finished == published:
            generation += 1
            for site in sites:
                _publish(site, generation)
                published += ARRIVING
        assert client.get(next(addresses)).status_code == 200
        with connection.begin():
            finished, failed = connection.execute(text(FINISHED)).one()
        assert not failed
        if time.monotonic() > began + (samples + 1) * 60 * MINUTES / SAMPLES:
            samples += 1
            yield finished


def _publish(site: Site, generation: int) -> None:
    """A new CSV of new sessions, none with the words of another."""
    past = [path for path in site.answers if path != CSV]
    site.publish(
        site.row(
            f"S{generation}-{number}",
            f"User: How many days of leave do I have in {generation}-{number}?\nAssistant: You have twelve days left.\n"
            * 5,
            start_time=f"{generation % 28 + 1:02}.03.2026 12:00:00",
            end_time=f"{generation % 28 + 1:02}.03.2026 12:05:00",
        )
        for number in range(ARRIVING)
    )
    for path in past:
        del site.answers[path]
    site.asked.clear()
    site.conditional.clear()


@contextmanager
def _started(module: str, database: Database, settings: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process, and the first line that it prints. It is terminated afterwards."""
    command = [sys.executable, "-m", module, database.url]
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment(settings), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()
