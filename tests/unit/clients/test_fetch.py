"""The way there and back: connections, bodies, limits, statuses. Who may be asked is test_fetch_policy."""

import asyncio
import base64
import io
import socket
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from livedash_core.clients.fetch import MIB, Fetcher, Source
from livedash_core.clients.responses import MAX_RETRY_AFTER_SECONDS, retry_after_seconds
from livedash_core.errors import PermanentError, SystemicError, TransientError
from tests.unit.clients.conftest import COMPANY_ID, CREDENTIALS, Server, http

TEXT = http(b"User: Hoi", "Content-Type: text/plain; charset=utf-8")


async def test_a_transcript_comes_as_text_for_the_companys_credentials(serve, fetcher, source_at) -> None:
    server = await serve({"/t/1.txt": TEXT})
    assert (await fetcher.text(server.url("/t/1.txt?v=2#end"), source_at(server))).content == "User: Hoi"
    (request,) = server.requests
    assert request.path == "/t/1.txt?v=2"
    scheme, _, token = request.headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(token).decode()) == ("Basic", f"{CREDENTIALS.username}:{CREDENTIALS.password}")
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["accept-encoding"] == "gzip"


async def test_a_csv_is_written_to_the_file_as_it_is(serve, fetcher, source_at) -> None:
    csv = b"\xef\xbb\xbfid,\xe9\r\n" * 100_000
    server = await serve({"/sessions.csv": http(csv, "Content-Type: text/csv")})
    into = io.BytesIO()
    await fetcher.download(server.url("/sessions.csv"), source_at(server), into)
    assert into.getvalue() == csv


@pytest.mark.parametrize("answer", [http(), http(status="204 No Content")], ids=["empty", "no content"])
async def test_an_empty_body_is_an_answer(answer: bytes, serve, fetcher, source_at) -> None:
    server = await serve({"/t": answer})
    assert (await fetcher.text(server.url("/t"), source_at(server))).content == ""


async def test_a_source_without_credentials_gets_no_authorization_header(serve, fetcher, source_at) -> None:
    server = await serve({"/t": TEXT})
    assert (await fetcher.text(server.url("/t"), source_at(server, credentials=None))).content == "User: Hoi"
    assert "authorization" not in server.requests[0].headers


async def test_many_transcripts_share_few_connections(serve, source_at) -> None:
    server = await serve({"/t": TEXT})
    source = source_at(server)
    async with Fetcher(per_origin=3) as fetcher:
        await asyncio.gather(*(fetcher.text(server.url("/t"), source) for _ in range(20)))
    assert len(server.requests) == 20
    assert 1 <= server.connections <= 3


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that does nothing while the loop sleeps, and does not need the loop to do something."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener


async def fetched(listener: socket.socket, fetcher: Fetcher, source_at: Callable[..., Source]) -> socket.socket:
    """The server's end of a new connection, over which a transcript has been fetched."""

    def answer() -> socket.socket:
        connection, _ = listener.accept()
        while not connection.recv(65536).endswith(b"\r\n\r\n"):
            pass
        connection.sendall(TEXT)
        return connection

    server = Server(port=listener.getsockname()[1])
    text, connection = await asyncio.gather(
        fetcher.text(server.url("/t"), source_at(server)), asyncio.to_thread(answer)
    )
    assert text.content == "User: Hoi"
    return connection


async def a_few_rounds_of_the_loop() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
@pytest.mark.parametrize("asleep", [True, False], ids=["while nothing runs", "while something runs"])
async def test_a_server_that_closes_an_idle_connection_costs_no_attempt(
    last_words: bytes, asleep: bool, listener, fetcher, source_at
) -> None:
    with await fetched(listener, fetcher, source_at) as connection:
        connection.sendall(last_words)
    if not asleep:
        await a_few_rounds_of_the_loop()
    (await fetched(listener, fetcher, source_at)).close()


async def test_unsolicited_bytes_are_not_collected(listener, fetcher, source_at) -> None:
    async def pour() -> None:
        for _ in range(100):
            connection.send(bytes(MIB))
            await a_few_rounds_of_the_loop()

    with await fetched(listener, fetcher, source_at) as connection:
        connection.setblocking(False)
        # They are left in the kernel's buffers, or the connection is closed.
        with pytest.raises((BlockingIOError, ConnectionError)):
            await pour()


async def test_a_second_answer_is_not_taken_for_that_to_the_next_request(serve, fetcher, source_at) -> None:
    server = await serve({"/a": http(b"User: A") + http(b"User: forged"), "/b": http(b"User: B")})
    source = source_at(server)
    for path, content in (("/a", "User: A"), ("/b", "User: B")):
        assert (await fetcher.text(server.url(path), source)).content == content


async def test_cookies_are_not_kept(serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(b"x", "Set-Cookie: session=1; Path=/")})
    for _ in range(2):
        await fetcher.text(server.url("/t"), source_at(server))
    assert "cookie" not in server.requests[1].headers


async def test_cookies_do_not_follow_to_another_port(serve, fetcher, source_at) -> None:
    other = await serve({"/t": TEXT})
    moved = http(b"", "Set-Cookie: session=1; Path=/", f"Location: {other.url('/t')}", status="302 Found")
    home = await serve({"/t": moved})
    source = source_at(home, allowed_origins=(other.url(""),))
    for start in (home.url("/t"), other.url("/t")):
        assert (await fetcher.text(start, source)).content == "User: Hoi"
    assert [request.headers.get("cookie") for request in other.requests] == [None, None]


async def test_a_proxy_in_the_environment_is_not_used(serve, fetcher, source_at, monkeypatch) -> None:
    server = await serve({"/t": TEXT})
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert (await fetcher.text(server.url("/t"), source_at(server))).content == "User: Hoi"


@pytest.mark.parametrize(
    "at_once",
    [b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"],
    ids=["status line", "header", "body"],
)
async def test_an_answer_that_drips_is_stopped_by_the_total_deadline(at_once: bytes, serve, source_at) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(at_once)
        while True:
            writer.write(b"0")
            await writer.drain()
            await asyncio.sleep(0.02)

    server = await serve({"/t": drip})
    async with asyncio.timeout(2), Fetcher(total_seconds=0.3) as fetcher:
        with pytest.raises(TransientError, match=r"took longer than 0\.3 s"):
            await fetcher.text(server.url("/t"), source_at(server))
        with pytest.raises(TransientError, match=r"took longer than 0\.1 s"):
            await fetcher.download(server.url("/t"), source_at(server), io.BytesIO(), total_seconds=0.1)


async def test_redirects_share_the_total_deadline(serve, source_at) -> None:
    def slowly(answer: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
        async def say(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.3)
            writer.write(answer)

        return say

    server = await serve({"/a": slowly(http(status="302 Found\r\nLocation: /b")), "/b": slowly(TEXT)})
    async with Fetcher(total_seconds=0.5) as fetcher:
        with pytest.raises(TransientError, match=r"/b took longer than 0\.5 s"):
            await fetcher.text(server.url("/a"), source_at(server))


async def test_a_server_that_sends_nothing_times_out(serve, source_at) -> None:
    async def be_silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    server = await serve({"/t": be_silent})
    async with Fetcher(read_seconds=0.1) as fetcher:
        with pytest.raises(TransientError, match="stopped sending data"):
            await fetcher.text(server.url("/t"), source_at(server))


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
async def test_a_body_that_is_too_large_is_stopped_while_it_comes(framing: str, serve, fetcher, source_at) -> None:
    async def pour(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        for _ in range(20):
            writer.write((b"c8\r\n" if "chunked" in framing else b"") + b"x" * 200 + b"\r\n")
        await asyncio.Event().wait()

    server = await serve({"/t": pour})
    into = io.BytesIO()
    with pytest.raises(PermanentError, match="larger than 1,000 bytes"):
        await fetcher.download(server.url("/t"), source_at(server), into, max_bytes=1000)
    assert len(into.getvalue()) <= 1000


async def test_a_body_of_just_the_limit_is_taken(serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(b"x" * 1000)})
    assert len((await fetcher.text(server.url("/t"), source_at(server), max_bytes=1000)).content) == 1000


async def test_a_content_coding_other_than_gzip_is_refused(serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(b"\x0b\x02\x80User", "Content-Encoding: br")})
    with pytest.raises(PermanentError, match="only gzip or none is accepted"):
        await fetcher.text(server.url("/t"), source_at(server))


@pytest.mark.parametrize("content_type", ["image/png", "application/zip", "multipart/form-data; boundary=text/plain"])
async def test_a_content_type_other_than_text_is_refused(content_type: str, serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(b"x", f"Content-Type: {content_type}")})
    with pytest.raises(PermanentError, match="not text"):
        await fetcher.text(server.url("/t"), source_at(server))


async def test_bytes_that_are_not_text_are_refused_and_not_quoted(serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(b"secret \x81\xff")})
    with pytest.raises(PermanentError, match="not text in UTF-8 or cp1252") as caught:
        await fetcher.text(server.url("/t"), source_at(server))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [404, 410, 400, 418, 206, 304])
async def test_a_missing_file_is_a_permanent_error(status: int, serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(status=f"{status} Whatever")})
    with pytest.raises(PermanentError, match="/t "):
        await fetcher.text(server.url("/t"), source_at(server))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_a_server_error_is_transient_with_the_servers_retry_after(status: int, serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(b"", "Retry-After: 7", status=f"{status} Whatever")})
    with pytest.raises(TransientError, match=f"answered {status}") as caught:
        await fetcher.text(server.url("/t"), source_at(server))
    assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_stop_the_company_and_are_not_quoted(status: int, serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(status=f"{status} Whatever")})
    with pytest.raises(SystemicError, match=f"{status}.*connection of Acme & Sons") as caught:
        await fetcher.text(server.url("/t?token=hunter2"), source_at(server))
    assert caught.value.company_id == COMPANY_ID
    assert server.url("/t") in str(caught.value)
    for secret in (CREDENTIALS.password, CREDENTIALS.authorization, "hunter2"):
        assert secret not in str(caught.value)


async def test_an_unreachable_server_is_transient(serve, source_at, unused_tcp_port) -> None:
    server = await serve({})
    server.port = unused_tcp_port
    async with Fetcher() as fetcher:
        with pytest.raises(TransientError, match="cannot be connected to"):
            await fetcher.text(server.url("/t"), source_at(server))


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", b"", b"HTTP/1.1 2"],
    ids=["no HTTP", "half a body", "nothing", "half a status"],
)
async def test_an_answer_that_breaks_off_is_transient(answer: bytes, serve, fetcher, source_at) -> None:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    server = await serve({"/t": say})
    with pytest.raises(TransientError, match="broke off") as caught:
        await fetcher.text(server.url("/t"), source_at(server))
    assert "OpenSSH" not in str(caught.value)


NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        ("Mon, 02 Nov 2026 12:00:30 -0000", 30),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0),
        ("9999999999", MAX_RETRY_AFTER_SECONDS),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_SECONDS),
        *((rubbish, None) for rubbish in ("", "soon", "-1", "1.5", "١٢", "9" * 5000, "Mon, 99 Nov 2026 12:00:00 GMT")),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999999", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str, seconds: float | None) -> None:
    assert retry_after_seconds(value, NOW) == seconds
