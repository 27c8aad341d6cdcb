"""The number of concurrent calls adapts to the server, and a refusal because of load costs no session anything."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from tests.integration.stages.faulty_server import Answer, Asked, FaultyServer, good
from tests.integration.stages.llmock_companies import LlmockCompanies
from tests.integration.stages.server_sessions import Sessions, error

REFUSALS: dict[str, Answer] = {
    "429": Answer(429, error("Too many concurrent requests")),
    "429 with a short pause": Answer(429, error("slow down"), {"Retry-After": "0"}),
    "Ollama's 503": Answer(503, error("server busy, please try again. maximum pending requests exceeded")),
    "529": Answer(529, error("Overloaded")),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_server_that_takes_eight_calls_at_a_time_gets_about_eight(companies: LlmockCompanies, case: str) -> None:
    lock = threading.Lock()
    refused: list[int] = []

    def answer(_asked: Asked) -> Answer:
        with lock:  # the server counts what it has admitted and not answered yet
            if server._active - len(pending) > 8:
                pending.append(1)
                refused.append(1)
                return REFUSALS[case]
        return good()._replace(seconds=0.08)

    pending: list[int] = []
    with FaultyServer(answer) as server:
        server.after = lambda given: pending.pop() if given is REFUSALS[case] else None
        sessions = Sessions(companies, server, 160)
        report = sessions.run(analysis_concurrency=64)

    assert (report.completed, report.failed, report.incidents, report.deferred) == (160, 0, [], [])
    assert len(refused) <= 16
    assert sessions.ledger() == Counter(answered=160, rejected=len(refused))
    assert server.most <= 14


def test_a_server_that_answers_one_at_a_time_is_not_flooded_and_answers_each_once(companies: LlmockCompanies) -> None:
    one_at_a_time = threading.Lock()

    def answer(_asked: Asked) -> Answer:
        with one_at_a_time:
            threading.Event().wait(0.12)  # the latency of the server that is simulated
        return good()

    with FaultyServer(answer) as server:
        sessions = Sessions(companies, server, 24)
        report = sessions.run(analysis_concurrency=64)
    assert report.completed == 24
    assert set(server.posts.values()) == {1}
    assert sessions.ledger() == {"answered": 24}
    assert server.most <= 10


def test_a_fast_server_is_kept_busy_up_to_the_setting(companies: LlmockCompanies) -> None:
    with FaultyServer(lambda _asked: good()._replace(seconds=0.3)) as server:
        sessions = Sessions(companies, server, 120)
        assert sessions.run(analysis_concurrency=24).completed == 120
    assert 12 <= server.most <= 24
