"""A separate process for the race tests: ``python -m tests.integration.status.worker URL COMMAND [ARGUMENT]``.

Its effect is a row in the table ``effect``, which has no key: what is done twice is there twice. It says where it is
on stdout and waits for a line on stdin wherever a test may want to kill it.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

STAGE = "TRANSCRIPT_FETCH"


def shift_clock(days: int) -> None:
    """Shift the clock of this process by days."""
    true_time, offset = time.time, datetime.timedelta(days=days)

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return super().now(tz) + offset

    time.time = lambda: true_time() + offset.total_seconds()
    datetime.datetime = Shifted  # type: ignore[misc] - the point of it


def say(*words: object) -> None:
    print(*words, flush=True)
    sys.stdin.readline()


def write_effect(connection: Connection, sessions: Any) -> None:
    from sqlalchemy import text

    connection.execute(
        text("INSERT INTO effect (session_id, process) SELECT unnest(CAST(:ids AS uuid[])), :process"),
        {"ids": list(sessions), "process": os.getpid()},
    )


def drain(engine: Engine, limit: int = 500) -> int:
    """Claim and complete until nothing is due; returns the number of sessions."""
    from livedash_core.status import ProcessingStatusManager

    done = 0
    while True:
        with engine.begin() as connection:
            claim = ProcessingStatusManager(connection).claim(STAGE, limit)
        if not claim.attempts:
            return done
        with engine.begin() as connection:
            write_effect(connection, claim.attempts)
            settled = ProcessingStatusManager(connection).complete(STAGE, claim.token, dict.fromkeys(claim.attempts))
        done += len(settled)


def one_claim(engine: Engine, stop_at: str) -> None:
    """Process one claim, with a stop at one of four points."""
    from sqlalchemy import text

    from livedash_core.status import ProcessingStatusManager

    with engine.begin() as connection:
        claim = ProcessingStatusManager(connection).claim(STAGE, 10)
    with engine.connect() as connection:
        process = connection.scalar(text("SELECT pg_backend_pid()"))
        connection.rollback()
        if stop_at == "after claim":
            say(process)
        write_effect(connection, claim.attempts)
        if stop_at == "after effect":
            say(process)
        ProcessingStatusManager(connection).complete(STAGE, claim.token, dict.fromkeys(claim.attempts))
        if stop_at == "before commit":
            say(process)
        connection.commit()
        if stop_at == "after commit":
            say(process)


def one_of_each(engine: Engine) -> None:
    """Complete one of three sessions, fail one, and keep one claimed."""
    from livedash_core.status import Failure, ProcessingStatusManager

    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        claim = manager.claim(STAGE, 3, lease_seconds=300)
        done, failed, _ = sorted(claim.attempts)
        manager.complete(STAGE, claim.token, {done: None})
        manager.fail(STAGE, claim.token, [Failure(failed, "transient", "503")])
        manager.renew(claim.token, lease_seconds=300)


def main(url: str, command: str, argument: str = "") -> None:
    if command == "shifted":
        shift_clock(int(argument))  # before anything is imported that keeps the clock's name
    from livedash_core.db import make_engine

    engine = make_engine(url)
    if command == "drain":
        say("ready")
        print(drain(engine))
    elif command == "shifted":
        one_of_each(engine)
        print(datetime.datetime.now(datetime.UTC).isoformat())
    else:
        one_claim(engine, command)
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
