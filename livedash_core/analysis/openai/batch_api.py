"""Files and batches of a model server (OpenAI's Batch API): upload, create, look, fetch, cancel, tidy up.

The key of a job is its file's name and in its batch's metadata, so that what a crash left behind is found by it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, TypeVar
from uuid import UUID

import httpx2
import openai
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from livedash_core.analysis.openai.client import make_client, server_of
from livedash_core.analysis.openai.errors import IDENTIFIER, Call, translated
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError

log = logging.getLogger(__name__)

#: What a batch asks for each of its lines, and by when it is done or expires.
ENDPOINT: Final = "/v1/chat/completions"
_WINDOW: Final = "24h"
_METADATA_KEY = "livedash_batch"
_ENDED = ("completed", "failed", "expired", "cancelled")
#: A look and a cancellation are short calls.
_WATCH_SECONDS = 30.0
#: So many pages of a hundred are searched for what a crash left behind; pages older than it are not asked for.
_MOST_PAGES = 50
#: Their clock need not be ours.
_CLOCKS_DIFFER_SECONDS = 3_600

Found = TypeVar("Found", bound=BaseModel)


class FileGone(PermanentError):
    """The server does not have a file that it spoke of."""


class _Counts(BaseModel):
    total: int = 0
    completed: int = 0
    failed: int = 0


class _Error(BaseModel):
    code: str | None = None


class _Errors(BaseModel):
    data: list[_Error] | None = None


class _Usage(BaseModel):
    input_tokens: NonNegativeInt
    output_tokens: NonNegativeInt


class RemoteFile(BaseModel):
    """A file that was uploaded."""

    id: str
    filename: str | None = None
    created_at: int = 0


class RemoteBatch(BaseModel):
    """A batch as its server tells of it. ``status`` may be a word that we do not know: then it is under way."""

    id: str
    status: str
    created_at: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    counts: _Counts | None = Field(default=None, alias="request_counts")
    errors: _Errors | None = None
    metadata: dict[str, Any] | None = None
    usage: Any = None

    @property
    def tokens(self) -> tuple[int, int] | None:
        """What the server counts for the whole batch, in and out; None where it does not say."""
        try:
            usage = _Usage.model_validate(self.usage)
        except ValidationError:
            return None
        return usage.input_tokens, usage.output_tokens

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in _ENDED

    @property
    def done(self) -> int:
        """Requests that have an answer, good or bad."""
        return self.counts.completed + self.counts.failed if self.counts else 0

    @property
    def error_codes(self) -> list[str]:
        """Why the file as a whole was refused: the server's codes, each once, if they are any."""
        found = self.errors.data if self.errors else None
        return list(
            dict.fromkeys(error.code for error in found or () if error.code and IDENTIFIER.fullmatch(error.code))
        )


class _Page(BaseModel):
    data: list[dict[str, Any]]
    has_more: bool = False


class BatchApi:
    """Every method raises ``TransientError`` or ``SystemicError``: no single session is at fault here."""

    def __init__(self, client: openai.AsyncOpenAI, call: Call) -> None:
        self._client = client
        self.call = call

    @classmethod
    def watching(cls, api_key: str, base_url: str | None) -> BatchApi:
        """For who only looks and cancels. Raises ``ConfigurationError`` for a key or base URL that cannot be one."""
        call = Call(server_of(base_url), "", _WATCH_SECONDS, UUID(int=0))
        return cls(make_client(api_key, base_url, _WATCH_SECONDS), call)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.close()

    async def upload(self, key: str, content: IO[bytes]) -> str:
        """Upload the lines; returns the file's id."""
        with self._translating(self._no_batches()):
            answer = await self._client.files.with_raw_response.create(file=(key, content), purpose="batch")
        return self._read(RemoteFile, answer.content).id

    async def create(self, key: str, file_id: str) -> str:
        """Have an uploaded file processed, which costs money from here on; returns the batch's id."""
        with self._translating(self._no_batches()):
            answer = await self._client.batches.with_raw_response.create(
                input_file_id=file_id,
                endpoint=ENDPOINT,
                completion_window=_WINDOW,
                metadata={_METADATA_KEY: key},
            )
        return self._read(RemoteBatch, answer.content).id

    async def find_file(self, key: str, since: float) -> str | None:
        """The file that was uploaded under ``key`` after ``since`` (Unix time), if there is one."""

        async def page(after: Any) -> bytes:
            answer = await self._client.files.with_raw_response.list(
                purpose="batch", limit=100, order="desc", after=after
            )
            return answer.content

        async for entry in self._entries(page, since):
            if entry.get("filename") == key:
                return str(entry["id"])
        return None

    async def find_batch(self, key: str, since: float) -> str | None:
        """The batch that was created under ``key`` after ``since`` (Unix time), if there is one."""

        async def page(after: Any) -> bytes:
            return (await self._client.batches.with_raw_response.list(limit=100, after=after)).content

        async for entry in self._entries(page, since):
            if (entry.get("metadata") or {}).get(_METADATA_KEY) == key:
                return str(entry["id"])
        return None

    async def look(self, batch_id: str) -> RemoteBatch:
        """Where a batch stands."""
        unknown = SystemicError(
            f"{self.call.server} does not know the batch {batch_id}; was the key or the server changed? "
            "With the former ones it can still be collected",
            company_id=self.call.company_id,
        )
        with self._translating(unknown):
            answer = await self._client.batches.with_raw_response.retrieve(batch_id)
        return self._read(RemoteBatch, answer.content)

    async def cancel(self, batch_id: str) -> None:
        """Have a batch stopped; what it has finished is still to be fetched. One that has ended stays as it is."""
        with self._translating(self._no_batches()):
            try:
                await self._client.batches.with_raw_response.cancel(batch_id)
            except (openai.BadRequestError, openai.ConflictError):
                return  # it had ended already

    async def cancel_all(self, batch_ids: Iterable[str]) -> None:
        """Have batches stopped, all at once; the log says what became of each."""

        async def cancel(batch_id: str) -> None:
            try:
                await self.cancel(batch_id)
                log.info("batch %s is being cancelled; what it has finished will be collected", batch_id)
            except ProcessingError as error:
                log.error("batch %s could not be cancelled: %s", batch_id, error)

        await asyncio.gather(*map(cancel, batch_ids))

    async def fetch(self, file_id: str, into: IO[bytes]) -> None:
        """Download a file's lines. Raises ``FileGone`` as well."""
        with self._translating(FileGone(f"{self.call.server} has deleted the file {file_id}")):
            try:
                async with self._client.files.with_streaming_response.content(file_id) as answer:
                    async for part in answer.iter_bytes():
                        into.write(part)
            except httpx2.HTTPError as exc:  # the SDK leaves those of a body that breaks off as they are
                raise TransientError(f"{self.call.server} broke off while a batch's results were fetched") from exc

    async def forget(self, file_id: str) -> None:
        """Delete a file; conversations are in it. One that cannot be deleted is left to the server's own clean-up."""
        try:
            await self._client.files.with_raw_response.delete(file_id)
        except openai.APIError:
            return

    async def _entries(self, page: Callable[[Any], Any], since: float) -> AsyncIterator[dict[str, Any]]:
        after: Any = openai.omit
        for _ in range(_MOST_PAGES):
            with self._translating(self._no_batches()):
                found = self._read(_Page, await page(after))
            for entry in found.data:
                if entry.get("created_at", since) < since - _CLOCKS_DIFFER_SECONDS:
                    return
                yield entry
            if not (found.has_more and found.data):
                return
            after = str(found.data[-1]["id"])

    def _no_batches(self) -> SystemicError:
        return SystemicError(
            f"{self.call.server} has no batch API; have the company analysed one by one: "
            "livedash company update NAME --mode realtime",
            company_id=self.call.company_id,
        )

    @contextmanager
    def _translating(self, not_found: ProcessingError) -> Iterator[None]:
        try:
            yield
        except openai.APIStatusError as exc:
            if exc.status_code in (404, 405, 501):
                raise not_found from exc
            error = translated(exc, self.call)
            if isinstance(error, PermanentError):
                error = SystemicError(
                    f"{self.call.server} did not take a batch ({exc.status_code}); if it was too large, set "
                    "LIVEDASH_BATCH_REQUESTS or LIVEDASH_BATCH_MEGABYTES lower",
                    company_id=self.call.company_id,
                )
            raise error from exc
        except openai.APIError as exc:
            raise translated(exc, self.call) from exc

    def _read(self, kind: type[Found], body: bytes) -> Found:
        try:
            return kind.model_validate_json(body)
        except ValidationError:
            raise TransientError(f"{self.call.server} answered 200 with something else than asked for") from None
