"""Renews the leases of the claims that are being handled, in a thread of its own."""

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
    """A context manager with one thread for a whole run; ``hold`` adds a lease token, ``let_go`` removes it.

    A lease is renewed after a third of its length, so that two renewals may fail before it expires. A lost lease
    needs no handling here: settling with its token changes nothing.
    """

    def __init__(self, engine: Engine, lease_seconds: float) -> None:
        self._engine = engine
        self._lease_seconds = lease_seconds
        #: Replaced, never mutated, because the thread iterates over it.
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
        """Renew this token until ``let_go``."""
        self.held |= {token}

    def let_go(self, token: UUID) -> None:
        """Stop renewing this token."""
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
            # Opening a connection may raise anything (a secrets backend too); the next renewal may succeed.
            log.warning("a lease could not be renewed, will try again: %s", type(error).__name__)
