"""Renews the leases of the batches at hand, off the threads that do the work."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self
from uuid import UUID

from sqlalchemy import Engine

from livedash_core.status import ProcessingStatusManager

log = logging.getLogger(__name__)


class LeaseHeartbeat:
    """A context manager with one thread for a whole run; ``hold`` tells it which tokens to keep alive.

    A lease is renewed at a third of its length, so that two renewals may fail before it is lost. A lost lease
    needs no alarm: settling it changes nothing, and says so.
    """

    def __init__(self, engine: Engine, lease_seconds: float) -> None:
        self._engine = engine
        self._lease_seconds = lease_seconds
        #: Replaced, never changed: the thread reads it.
        self.held: frozenset[UUID] = frozenset()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="livedash-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def hold(self, token: UUID) -> None:
        """Renew this token from now on, until it is let go."""
        self.held |= {token}

    def let_go(self, token: UUID) -> None:
        """Renew it no more."""
        self.held -= {token}

    def _run(self) -> None:
        while not self._done.wait(self._lease_seconds / 3):
            for token in self.held:
                self._renew(token)

    def _renew(self, token: UUID) -> None:
        try:
            with self._engine.begin() as connection:
                ProcessingStatusManager(connection).renew(token, lease_seconds=self._lease_seconds)
        except Exception as error:
            # Whatever opens the connections may raise (a secrets backend too); the next tick is another chance.
            log.warning("a lease could not be renewed, will try again: %s", type(error).__name__)
