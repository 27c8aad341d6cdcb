"""What was found when common clients met hostile servers: a test per finding, with real servers on loopback.

Addresses that only look public are in test_addresses; who sees the password, and names and redirects that lead
elsewhere, in test_fetch_policy.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import socket
import tracemalloc
import zlib
from ipaddress import ip_network
from uuid import uuid4

import pytest

from livedash_core.clients.fetch import MIB, Fetcher
from livedash_core.clients.origins import FAILURES_BEFORE_OPEN, OPEN_CIRCUIT_SECONDS, Origin
from livedash_core.clients.validators import Validators
from livedash_core.errors import PermanentError, SystemicError, TransientError, UnavailableError
from tests.unit.clients.conftest import COMPANY_ID, Server, http

TEXT = http(b"User: Hoi", "Content-Type: text/plain")


def packed(body: bytes) -> bytes:
    return http(body, "Content-Encoding: gzip", "Content-Type: text/plain")


# A name that answers differently the second time


@pytest.mark.parametrize("second", ["127.0.0.2", "10.0.0.1"])
async def test_a_name_that_changes_between_check_and_use_is_connected_to_as_checked(
    second: str, serve, fetcher, source_at, monkeypatch
) -> None:
    server = await serve({"/t": TEXT})
    asked: list[str] = []

    async def rebind(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else second
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", rebind)
    server.host = "rebinding.example"
    source = source_at(server, allowed_networks=(ip_network("127.0.0.1/32"),))
    assert (await fetcher.text(server.url("/t"), source)).content == "User: Hoi"
    assert (asked, server.connections) == (["rebinding.example"], 1)


@pytest.mark.parametrize("answers", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::1"]])
async def test_one_address_that_may_not_be_reached_is_enough_to_refuse_a_name(
    answers: list[str], serve, fetcher, source_at, monkeypatch
) -> None:
    server = await serve({"/t": TEXT})

    async def resolve(host: str, port: int, **_: object) -> list[object]:
        return [(socket.AF_UNSPEC, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    server.host = "two-faced.example"
    with pytest.raises(PermanentError, match="not on the public internet"):
        await fetcher.text(server.url("/t"), source_at(server))
    assert not server.connections


async def test_a_redirect_to_a_private_address_is_refused(serve, fetcher, source_at) -> None:
    metadata = "http://169.254.169.254/latest/meta-data"
    server = await serve({"/t": http(b"", f"Location: {metadata}", status="302 Found")})
    source = source_at(server, allowed_origins=("http://169.254.169.254",))  # even if somebody allowed the origin
    with pytest.raises(PermanentError, match=r"169\.254\.169\.254, which is not on the public internet"):
        await fetcher.text(server.url("/t"), source)


# Bodies that are more than they seem


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"User: Hoi"), gzip.compress(b"User: ") + gzip.compress(b"Hoi"), b""],
    ids=["one member", "two members", "nothing"],
)
async def test_gzip_is_decompressed(body: bytes, serve, fetcher, source_at) -> None:
    server = await serve({"/t": packed(body)})
    assert (await fetcher.text(server.url("/t"), source_at(server))).content == ("User: Hoi" if body else "")


async def test_a_gzip_bomb_is_stopped_at_the_limit_with_flat_memory(serve, fetcher, source_at) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(256)) + packer.flush()
    assert len(bomb) < MIB
    server = await serve({"/t": packed(bomb)})
    tracemalloc.start()
    try:
        with pytest.raises(PermanentError, match=f"larger than {2 * MIB:,} bytes"):
            await fetcher.text(server.url("/t"), source_at(server))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB


async def test_the_compressed_size_is_limited_too(serve, fetcher, source_at) -> None:
    many_empty_members = gzip.compress(b"") * 1000
    server = await serve({"/t": packed(many_empty_members)})
    with pytest.raises(PermanentError, match="larger than 1,000 bytes"):
        await fetcher.text(server.url("/t"), source_at(server), max_bytes=1000)


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        (b"User: Hoi", PermanentError, "declared as gzip but is not"),
        (gzip.compress(b"User: Hoi")[:-9], TransientError, "broke off"),
        (gzip.compress(b"User: Hoi") + b"more", PermanentError, "declared as gzip but is not"),
    ],
    ids=["no gzip", "cut", "rubbish behind it"],
)
async def test_broken_gzip_has_a_kind(body: bytes, error: type[Exception], says: str, serve, fetcher, source_at):
    server = await serve({"/t": packed(body)})
    with pytest.raises(error, match=says):
        await fetcher.text(server.url("/t"), source_at(server))


# A file that has not changed


async def test_a_csv_is_asked_for_again_only_if_it_changed(serve, fetcher, source_at) -> None:
    version = ('ETag: "v1"', "Last-Modified: Mon, 02 Nov 2026 12:00:00 GMT")
    server = await serve({"/sessions.csv": http(b"a,b", *version)})
    source, into = source_at(server), io.BytesIO()
    known, _ = await fetcher.download(source.csv_url, source, into)
    assert known == Validators('"v1"', "Mon, 02 Nov 2026 12:00:00 GMT")

    server.answers["/sessions.csv"] = b"HTTP/1.1 304 Not Modified\r\n\r\n"
    again = io.BytesIO()
    assert await fetcher.download(source.csv_url, source, again, known=known) is None
    assert (into.getvalue(), again.getvalue()) == (b"a,b", b"")
    asked = server.requests[-1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == known


async def test_validators_that_cannot_be_sent_back_are_forgotten(serve, fetcher, source_at) -> None:
    server = await serve({"/sessions.csv": http(b"a", "ETag: " + "x" * 501, "Last-Modified: z\u00fcrich")})
    source = source_at(server)
    assert await fetcher.download(source.csv_url, source, io.BytesIO()) == (Validators(None, None), None)


# A server that is busy, or gone


async def test_a_server_is_asked_a_few_things_at_once(serve, source_at) -> None:
    under_way = most = 0
    advance = asyncio.Event()

    async def answer(writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 3:
            advance.set()
        await advance.wait()
        under_way -= 1
        writer.write(TEXT)

    server = await serve({"/t": answer})
    source = source_at(server)
    async with Fetcher(per_origin=3) as fetcher:
        await asyncio.gather(*(fetcher.text(server.url("/t"), source) for _ in range(12)))
    assert most == 3


async def test_a_server_that_keeps_failing_is_left_alone(serve, fetcher, source_at) -> None:
    server = await serve({"/t": http(status="503 Service Unavailable"), "/fine": TEXT})
    source = source_at(server)
    for _ in range(FAILURES_BEFORE_OPEN - 1):
        with pytest.raises(TransientError, match="answered 503"):
            await fetcher.text(server.url("/t"), source)
    for path in ("/t", "/fine", "/fine"):
        with pytest.raises(UnavailableError, match=f"{server.url('')} failed 3 times in a row") as caught:
            await fetcher.text(server.url(path), source)
        assert OPEN_CIRCUIT_SECONDS - 60 < caught.value.retry_after_seconds <= OPEN_CIRCUIT_SECONDS
    assert len(server.requests) == FAILURES_BEFORE_OPEN


async def test_a_redirect_that_leads_to_a_failing_server_blames_that_one(serve, fetcher, source_at) -> None:
    files = await serve({"/t": http(status="503 Service Unavailable")})
    home = await serve({"/t": http(b"", f"Location: {files.url('/t')}", status="302 Found"), "/fine": TEXT})
    source = source_at(home, allowed_origins=(files.url(""),))
    for _ in range(FAILURES_BEFORE_OPEN - 1):
        with pytest.raises(TransientError, match="answered 503"):
            await fetcher.text(home.url("/t"), source)
    for _ in range(2):
        with pytest.raises(UnavailableError, match=f"{files.url('')} failed 3 times in a row"):
            await fetcher.text(home.url("/t"), source)
    assert len(files.requests) == FAILURES_BEFORE_OPEN
    assert (await fetcher.text(home.url("/fine"), source)).content == "User: Hoi"


async def test_an_answer_of_any_kind_shows_that_a_server_lives(serve, fetcher, source_at) -> None:
    server = await serve({"/bad": http(status="503 Service Unavailable")})
    for _ in range(FAILURES_BEFORE_OPEN):
        with pytest.raises(TransientError):
            await fetcher.text(server.url("/bad"), source_at(server))
        with pytest.raises(PermanentError, match="does not exist"):
            await fetcher.text(server.url("/missing"), source_at(server))


async def test_a_failure_after_the_circuit_closes_opens_it_again(source_at) -> None:
    now, source = 0.0, source_at(Server())
    origin = Origin("https://files.example", 8, clock=lambda: now)

    async def fail(patience: float | None = None) -> None:
        async with origin.slot(source):
            raise TransientError("no", retry_after_seconds=patience)

    for _ in range(FAILURES_BEFORE_OPEN - 1):
        with pytest.raises(TransientError):
            await fail()
    with pytest.raises(UnavailableError) as caught:
        await fail(patience=7200)
    assert caught.value.retry_after_seconds == 7200
    now = 7200.0
    with pytest.raises(UnavailableError) as caught:
        await fail()
    assert caught.value.retry_after_seconds == OPEN_CIRCUIT_SECONDS
    now += OPEN_CIRCUIT_SECONDS
    async with origin.slot(source):
        pass
    with pytest.raises(TransientError):
        await fail()


# A server that refuses the password


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_a_refused_password_is_not_sent_again_by_those_who_waited(status: str, serve, source_at) -> None:
    arrived = 0
    all_arrived = asyncio.Event()

    async def refuse(writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        arrived += 1
        if arrived == 3:
            all_arrived.set()
        await all_arrived.wait()
        writer.write(http(status=status))

    server = await serve({"/t": refuse, "/fine": TEXT})
    source, other = source_at(server), source_at(server, company_id=uuid4(), company="Zenith")
    async with Fetcher(per_origin=3) as fetcher:
        errors = await asyncio.gather(
            *(fetcher.text(server.url("/t"), source) for _ in range(32)), return_exceptions=True
        )
        assert {(type(error), str(error), error.company_id) for error in errors} == {
            (SystemicError, str(errors[0]), COMPANY_ID)
        }
        assert len(server.requests) == 3, "only those that were on their way when the first was refused"
        assert (await fetcher.text(server.url("/fine"), other)).content == "User: Hoi"
    async with Fetcher() as next_run:
        assert (await next_run.text(server.url("/fine"), source)).content == "User: Hoi"
