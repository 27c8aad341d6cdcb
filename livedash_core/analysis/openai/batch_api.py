"""OpenAI's Batch API as a ``BatchAdapter``: files and batches are created, polled, downloaded, cancelled and deleted.

The key of a batch is the name of its file and in its metadata, so that both are found again after a crash.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, TypeVar
from uuid import UUID

import openai
from pydantic import BaseModel, ValidationError

from livedash_core.analysis.batches import BatchResult, RemoteBatch, ResultFileGone
from livedash_core.analysis.openai.base_url import parse_base_url
from livedash_core.analysis.openai.batch_lines import ENDPOINT, read_result, request_line
from livedash_core.analysis.openai.batch_objects import BatchObject, FileObject, Page
from livedash_core.analysis.openai.client import make_client
from livedash_core.analysis.openai.errors import Call, Refused, translated
from livedash_core.analysis.openai.http_library import http
from livedash_core.errors import ConfigurationError, PermanentError, ProcessingError, SystemicError, TransientError
from livedash_core.settings import Settings

log = logging.getLogger(__name__)

#: A batch is finished within this time, or expires.
_COMPLETION_WINDOW: Final = "24h"
_METADATA_KEY = "livedash_batch"
#: The timeout of polling and cancelling, which are short calls.
_WATCH_SECONDS = 30.0
#: How many pages of a hundred entries are searched for a file or a batch that was created before a crash. Entries that
#: are older than the batch's row are not read, but for the difference between the server's clock and ours.
_MOST_PAGES = 50
_CLOCK_DIFFERENCE_SECONDS = 3_600

Model = TypeVar("Model", bound=BaseModel)


def create_watcher(settings: Settings) -> OpenAIBatches:
    """See ``batches.create_watcher``."""
    if not settings.has_model_server:
        raise ConfigurationError(
            "there is no OpenAI API key any more: set OPENAI_API_KEY or create the Airflow connection livedash_openai"
        )
    key, address = settings.openai_api_key, parse_base_url(settings.openai_base_url)
    call = Call(address.server, "", _WATCH_SECONDS, UUID(int=0))
    return OpenAIBatches(make_client(key.get_secret_value() if key else None, address, _WATCH_SECONDS), call)


class OpenAIBatches:
    """The ``batches.BatchAdapter`` of OpenAI's Batch API, and of any server that has it."""

    def __init__(self, client: openai.AsyncOpenAI, call: Call) -> None:
        self._client = client
        self._call = call

    @property
    def server(self) -> str:
        """Host and port."""
        return self._call.server

    def request_line(self, call_id: UUID, body: bytes) -> bytes:
        """See ``batch_lines.request_line``."""
        return request_line(call_id, body)

    def read_result(self, line: bytes) -> BatchResult | None:
        """See ``batch_lines.read_result``."""
        return read_result(line, self._call)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def upload(self, key: str, content: IO[bytes]) -> str:
        """Upload the lines; returns the file's id."""
        with self._translating(self._no_batches()):
            answer = await self._client.files.with_raw_response.create(file=(key, content), purpose="batch")
        return self._read(FileObject, answer.content).id

    async def submit(self, key: str, file_id: str) -> str:
        """Create the batch of an uploaded file, which is billed from here on; returns the batch's id."""
        with self._translating(self._no_batches()):
            answer = await self._client.batches.with_raw_response.create(
                input_file_id=file_id,
                endpoint=ENDPOINT,
                completion_window=_COMPLETION_WINDOW,
                metadata={_METADATA_KEY: key},
            )
        return self._read(BatchObject, answer.content).id

    async def find_file(self, key: str, since: float) -> str | None:
        """See ``batches.BatchAdapter``."""

        async def page(after: Any) -> bytes:
            answer = await self._client.files.with_raw_response.list(
                purpose="batch", limit=100, order="desc", after=after
            )
            return answer.content

        async for entry in self._entries(page, since):
            if entry.get("filename") == key and "id" in entry:
                return str(entry["id"])
        return None

    async def find_batch(self, key: str, since: float) -> str | None:
        """See ``batches.BatchAdapter``."""

        async def page(after: Any) -> bytes:
            return (await self._client.batches.with_raw_response.list(limit=100, after=after)).content

        async for entry in self._entries(page, since):
            metadata = entry.get("metadata")
            if isinstance(metadata, dict) and metadata.get(_METADATA_KEY) == key and "id" in entry:
                return str(entry["id"])
        return None

    async def poll(self, batch_id: str) -> RemoteBatch:
        """The current state of a batch."""
        unknown = SystemicError(
            f"{self._call.server} does not know the batch {batch_id}; was the key or the server changed? "
            "With the former ones it can still be collected",
            company_id=self._call.company_id,
        )
        with self._translating(unknown):
            answer = await self._client.batches.with_raw_response.retrieve(batch_id)
        return self._read(BatchObject, answer.content).neutral()

    async def cancel(self, batch_ids: Iterable[str]) -> None:
        """Cancel batches concurrently and log the outcome of each; their finished requests can still be collected."""

        async def cancel(batch_id: str) -> None:
            try:
                await self._cancel(batch_id)
                log.info("batch %s is being cancelled; what it has finished will be collected", batch_id)
            except ProcessingError as error:
                log.error("batch %s could not be cancelled: %s", batch_id, error)

        await asyncio.gather(*map(cancel, batch_ids))

    async def _cancel(self, batch_id: str) -> None:
        with self._translating(self._no_batches()):
            try:
                await self._client.batches.with_raw_response.cancel(batch_id)
            except (openai.BadRequestError, openai.ConflictError):
                return  # the batch had ended already

    async def download(self, file_id: str, into: IO[bytes]) -> None:
        """Download a result file. Raises ``ResultFileGone`` as well."""
        with self._translating(ResultFileGone(f"{self._call.server} has deleted the file {file_id}")):
            try:
                async with self._client.files.with_streaming_response.content(file_id) as answer:
                    async for part in answer.iter_bytes():
                        into.write(part)
            except http.HTTPError as exc:  # the SDK does not translate the errors of a body that breaks off
                raise TransientError(f"{self._call.server} broke off while a batch's results were fetched") from exc

    async def delete_file(self, file_id: str) -> None:
        """Delete a file, which contains conversations. A file that cannot be deleted is left to the server."""
        try:
            await self._client.files.with_raw_response.delete(file_id)
        except openai.APIError:
            return

    async def _entries(self, page: Callable[[Any], Any], since: float) -> AsyncIterator[dict[str, Any]]:
        after: Any = openai.omit
        for _ in range(_MOST_PAGES):
            with self._translating(self._no_batches()):
                found = self._read(Page, await page(after))
            for entry in found.data:
                created_at = entry.get("created_at")
                if isinstance(created_at, int | float) and created_at < since - _CLOCK_DIFFERENCE_SECONDS:
                    return
                yield entry
            if not (found.has_more and found.data and "id" in found.data[-1]):
                return
            after = str(found.data[-1]["id"])

    def _no_batches(self) -> SystemicError:
        return SystemicError(
            f"{self._call.server} has no batch API; have the company analysed one by one: "
            "livedash company update NAME --mode realtime",
            company_id=self._call.company_id,
        )

    @contextmanager
    def _translating(self, not_found: ProcessingError) -> Iterator[None]:
        try:
            yield
        except openai.APIStatusError as exc:
            if exc.status_code in (404, 405, 501):
                raise not_found from exc
            error = translated(exc, self._call)
            if isinstance(error, Refused) and exc.status_code == 403:
                error = SystemicError(f"{error.for_everyone}; {error.advice}", company_id=self._call.company_id)
            elif isinstance(error, PermanentError):
                error = SystemicError(
                    f"{self._call.server} did not take a batch ({exc.status_code}); if it was too large, set "
                    "LIVEDASH_BATCH_REQUESTS or LIVEDASH_BATCH_MEGABYTES lower",
                    company_id=self._call.company_id,
                )
            raise error from exc
        except openai.APIError as exc:
            raise translated(exc, self._call) from exc

    def _read(self, kind: type[Model], body: bytes) -> Model:
        try:
            return kind.model_validate_json(body)
        except ValidationError:
            raise TransientError(f"{self._call.server} answered 200 with something else than asked for") from None
