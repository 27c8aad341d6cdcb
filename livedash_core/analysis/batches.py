"""The contract of batch analysis: what a provider's batch API offers, and what an analyzer that uses it provides.

A batch is a file of requests that a provider answers within a day, at a lower price. The stage keeps track of it and
settles its sessions; the provider's file formats and its words for the states of a batch stay behind these protocols.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import IO, Literal, Protocol, runtime_checkable
from uuid import UUID

from livedash_core.analysis.contract import Analysis, AnalysisRequest, Analyzer
from livedash_core.analyzers import load_analyzers
from livedash_core.costs.ledger import CallEnd, PlannedCall
from livedash_core.errors import ConfigurationError, PermanentError, ProcessingError
from livedash_core.outcomes import Deferred
from livedash_core.settings import Settings

#: in_progress: the provider works on it. completed: every request has had its turn. cut_short: it expired or was
#: cancelled, and some requests have had no turn. refused: the provider accepted none of its requests.
BatchState = Literal["in_progress", "completed", "cut_short", "refused"]


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A request of a batch: the call to record in the ledger, and the body to send."""

    call: PlannedCall
    body: bytes


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as its provider describes it.

    ``status`` is the provider's own word for ``state``. ``tokens`` is the provider's count for the whole batch, input
    and output, or None. ``error_codes`` say why it was refused; ``is_queue_full`` that it may be accepted later, or if
    it were smaller.
    """

    id: str
    state: BatchState
    status: str
    requests_done: int = 0
    result_files: tuple[str, ...] = ()
    tokens: tuple[int, int] | None = None
    error_codes: tuple[str, ...] = ()
    is_queue_full: bool = False


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of one request: the body of the reply, or an error. ``has_run`` is False if it had no turn.

    ``call_id`` is the request's row in the ledger, ``end`` how that row is closed.
    """

    call_id: UUID
    end: CallEnd
    body: bytes = b""
    error: ProcessingError | None = None
    has_run: bool = True


class ResultFileGone(PermanentError):
    """The provider no longer has a result file that it named."""


class BatchAdapter(Protocol):
    """A provider's batch API, for one model and key.

    The asynchronous methods raise ``TransientError`` or ``SystemicError``: no error here belongs to a single session.
    ``key`` is the name of a batch that the provider stores with its file and with the batch itself, so that both are
    found again after a crash.
    """

    @property
    def server(self) -> str:
        """The provider's host, for messages."""
        ...

    def request_line(self, call_id: UUID, body: bytes) -> bytes:
        """One line of the request file."""
        ...

    def read_result(self, line: bytes) -> BatchResult | None:
        """Read a line of a result file; None when it cannot be read."""
        ...

    async def upload(self, key: str, content: IO[bytes]) -> str:
        """Upload a request file; returns the file's id."""
        ...

    async def submit(self, key: str, file_id: str) -> str:
        """Create the batch of an uploaded file, which is billed from here on; returns the batch's id."""
        ...

    async def find_batch(self, key: str, since: float) -> str | None:
        """The id of the batch that was created under ``key`` after ``since`` (Unix time), or None."""
        ...

    async def find_file(self, key: str, since: float) -> str | None:
        """The id of the file that was uploaded under ``key`` after ``since`` (Unix time), or None."""
        ...

    async def poll(self, batch_id: str) -> RemoteBatch:
        """The current state of a batch."""
        ...

    async def download(self, file_id: str, into: IO[bytes]) -> None:
        """Download a result file. Raises ``ResultFileGone`` as well."""
        ...

    async def cancel(self, batch_ids: Iterable[str]) -> None:
        """Cancel batches concurrently and log the outcome of each; their finished requests can still be collected."""
        ...

    async def delete_file(self, file_id: str) -> None:
        """Delete a file, which contains conversations. A file that cannot be deleted is left to the provider."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


@runtime_checkable
class BatchAnalyzer(Analyzer, Protocol):
    """An analyzer whose provider has a batch API."""

    def batch_request(self, request: AnalysisRequest) -> BatchRequest:
        """The call that ``analyze`` would make first, as a request of a batch."""
        ...

    async def analyze_result(
        self, request: AnalysisRequest, result: BatchResult, prompt_version: str
    ) -> Analysis | Deferred:
        """Analyse a session with the reply that a batch has for it, whose call is closed in the ledger.

        ``prompt_version`` is that of the request, which may be older than ours. A reply that is unusable is repaired
        like in ``analyze``, with calls that are made at once.
        """
        ...

    def batch_adapter(self, company_id: UUID) -> BatchAdapter:
        """The batch API of the provider; its systemic errors name the company. Closed with the analyzer."""
        ...


def create_watcher(analyzer: str, settings: Settings) -> BatchAdapter:
    """An adapter that polls and cancels batches of any model, for a process without an analyzer.

    Imports the provider's SDK, which takes about a second. Raises ``ConfigurationError`` for an analyzer that is not
    installed or has no batches, and without a usable key.
    """
    definition = load_analyzers().find(analyzer)
    if definition.batch_watcher is None:
        raise ConfigurationError(f"the analyzer {analyzer!r} has no batch API")
    module, _, name = definition.batch_watcher.partition(":")
    watcher: BatchAdapter = getattr(import_module(module), name)(settings)
    return watcher
