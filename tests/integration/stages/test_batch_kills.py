"""Killed at every step, and started again: nothing is paid twice, and no session is forgotten.

The server kills its client (SIGKILL) when a request comes in, or when it has done what was asked and has not said so:
these are the moments between any two steps. Then the next run goes on.
"""

from __future__ import annotations

import signal
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests import fork_server
from tests.integration.stages.batch_server import BatchServer, End, all_answered, completion, line
from tests.integration.stages.batches import Batches

SESSIONS = 6
#: What the killed run has done by then, in the order of the steps.
MOMENTS = [
    ("POST /files", "before"),  # its calls are on the ledger
    ("POST /files", "after"),  # the file is uploaded, its id was lost
    ("POST /batches", "before"),  # the file's id is saved
    ("POST /batches", "after"),  # the batch exists, its id was lost
    ("GET /batches/ID", "before"),  # the batch's id is saved
    ("GET /batches/ID", "after"),  # it has ended, the answer was lost
    ("GET /files/ID/content", "before"),
    ("POST /chat/completions", "before"),  # its replies are on the ledger, none is analysed
    ("DELETE /files/ID", "before"),  # all is settled
    ("DELETE /files/ID", "after"),  # one of its files is gone
]


def run_elsewhere(database_url: str, server: BatchServer) -> int:
    """The exit code of a process of its own."""
    with fork_server.start("-m", "tests.integration.stages.batches", database_url, server.url) as process:
        server.client = process.pid
        return process.wait(timeout=60)


def one_needs_a_repair(requests: list[dict]) -> list[bytes]:
    return [line(requests[0]["custom_id"], completion("no JSON")), *all_answered(requests[1:])]


@pytest.mark.parametrize(("step", "when"), MOMENTS)
def test_a_run_that_is_killed_pays_nothing_twice(
    engine: Engine, database_url: str, company_id: UUID, step: str, when: str
):
    with BatchServer(ends=[End(output=one_needs_a_repair)], kill_at=(step, when)) as server:
        batches = Batches(engine, server.url)
        batches.sessions(company_id, SESSIONS)

        assert run_elsewhere(database_url, server) == -signal.SIGKILL
        batches.run(company_id)

        assert batches.statuses() == {"COMPLETED": SESSIONS}
        assert (len(server.batches), len(server.uploaded)) == (1, 1)
        assert server.files == {}
        # One conversation is paid twice: its reply had to be repaired.
        assert sorted(server.billed.values()) == [1] * (SESSIONS - 1) + [2]
        unknown = [call for call in batches.calls() if call.outcome == "sent"]
        assert [call.mode for call in unknown] == ["realtime"] * (step == "POST /chat/completions")
        if not unknown:
            batches.assert_paid_for(server)
        assert batches.leases() == 0
        assert [batch.status for batch in batches.batches()][-1] == "closed"
