"""What 401 and 403 mean: one URL, or everything that a company has at an origin."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from livedash_core.clients.fetch import BasicCredentials, Fetcher
from livedash_core.clients.refusals import REFUSALS_AFTER_SUCCESS
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, UnavailableError
from tests.unit.clients.conftest import COMPANY_ID, CREDENTIALS, Server, http

TEXT = http(b"User: Hoi")
FORBIDDEN = http(status="403 Forbidden")


async def fetch_all(fetcher: Fetcher, server: Server, source: Any, paths: list[str]) -> list[Any]:
    return await asyncio.gather(*(fetcher.text(server.url(path), source) for path in paths), return_exceptions=True)


def kinds(results: list[Any]) -> Counter[str]:
    return Counter(result.kind if isinstance(result, ProcessingError) else "text" for result in results)


@pytest.mark.parametrize("credentials", [CREDENTIALS, None], ids=["with a login", "without one"])
@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
@pytest.mark.parametrize("per_origin", [1, 4, 8])
@pytest.mark.parametrize("bad", [[0], [7], [0, 1], [2, 3, 5]])
async def test_refused_urls_among_others_fail_alone(
    bad: list[int], per_origin: int, status: str, credentials: BasicCredentials | None, serve, source_at
) -> None:
    paths = [f"/t{number}" for number in range(8)]
    refused = {paths[number]: http(status=status) for number in bad}
    server = await serve(dict.fromkeys([*paths, "/sessions.csv"], TEXT) | refused)
    async with Fetcher(per_origin=per_origin) as fetcher:
        results = await fetch_all(fetcher, server, source_at(server, credentials=credentials), paths)
    assert kinds(results) == {"text": 8 - len(bad), "permanent": len(bad)}
    for number in bad:
        assert f"{paths[number]} answered {status[:3]}" in str(results[number])
        assert "check login" not in str(results[number])
        assert ("no credentials are configured" in str(results[number])) == (credentials is None)


@pytest.mark.parametrize("csv", [TEXT, FORBIDDEN], ids=["the CSV is served", "the CSV is refused"])
async def test_a_source_that_refuses_every_file_stops_its_company(csv: bytes, serve, source_at) -> None:
    paths = [f"/t{number}" for number in range(20)]
    server = await serve(dict.fromkeys(paths, FORBIDDEN) | {"/sessions.csv": csv})
    async with Fetcher(per_origin=4) as fetcher:
        results = await fetch_all(fetcher, server, source_at(server), paths)
    assert kinds(results) == {"systemic": 20}
    assert {error.company_id for error in results} == {COMPANY_ID}
    assert len(server.requests) <= 5


async def test_without_a_login_the_refused_sessions_wait_and_the_others_come_first(serve, source_at) -> None:
    paths = [f"/t{number}" for number in range(20)]
    server = await serve(dict.fromkeys(paths, FORBIDDEN) | {"/sessions.csv": TEXT})
    async with Fetcher(per_origin=4) as fetcher:
        results = await fetch_all(fetcher, server, source_at(server, credentials=None), paths)
    assert kinds(results) == {"unavailable": 4, "systemic": 16}
    assert {"no credentials are configured" in str(error) for error in results} == {True}


@pytest.mark.parametrize(
    ("credentials", "csv", "expected"),
    [
        (CREDENTIALS, TEXT, PermanentError),
        (CREDENTIALS, FORBIDDEN, SystemicError),
        (None, TEXT, PermanentError),
        (None, FORBIDDEN, UnavailableError),
        (None, http(status="401 Unauthorized"), UnavailableError),
    ],
)
async def test_a_single_refusal_is_judged_by_the_csv(
    credentials: BasicCredentials | None, csv: bytes, expected: type[Exception], serve, fetcher, source_at
) -> None:
    server = await serve({"/t": FORBIDDEN, "/sessions.csv": csv})
    with pytest.raises(expected):
        await fetcher.text(server.url("/t"), source_at(server, credentials=credentials))


async def test_a_login_that_is_changed_meanwhile_stops_the_company(serve, fetcher, source_at) -> None:
    server = await serve({"/fine": TEXT, "/t": FORBIDDEN})
    source = source_at(server)
    await fetcher.text(server.url("/fine"), source)
    results = [(await fetch_all(fetcher, server, source, ["/t"]))[0] for _ in range(REFUSALS_AFTER_SUCCESS + 1)]
    assert kinds(results) == {"permanent": REFUSALS_AFTER_SUCCESS - 1, "systemic": 2}
    assert "check login and password" in str(results[-1])


async def test_another_origin_that_refuses_everything_stops_only_what_is_there(serve, fetcher, source_at) -> None:
    home = await serve({"/t": TEXT})
    other = await serve({f"/t{number}": FORBIDDEN for number in range(9)})
    source = source_at(home, allowed_origins=(other.url(""),))
    results = await fetch_all(fetcher, other, source, [f"/t{number}" for number in range(9)])
    assert kinds(results) == {"unavailable": 9}
    assert (await fetcher.text(home.url("/t"), source)).content == "User: Hoi"


async def test_a_request_that_is_cancelled_leaves_nobody_waiting(serve, source_at) -> None:
    hang = asyncio.Event()

    async def never(_: asyncio.StreamWriter) -> None:
        await hang.wait()

    server = await serve({"/t": FORBIDDEN, "/slow": never, "/sessions.csv": TEXT})
    source = source_at(server)
    async with Fetcher() as fetcher:
        slow = asyncio.create_task(fetcher.text(server.url("/slow"), source))
        refused = asyncio.create_task(fetcher.text(server.url("/t"), source))
        done, _ = await asyncio.wait({refused}, timeout=0.3)
        assert not done  # the slow one may still be served
        slow.cancel()
        with pytest.raises(PermanentError):
            await asyncio.wait_for(refused, 5)
    hang.set()


@pytest.mark.parametrize(
    ("challenge", "credentials", "says"),
    [
        ('Digest realm="a, b", qop="auth", nonce="x"', CREDENTIALS, "it asks for Digest, and Basic was sent"),
        (
            'Digest realm="a", Bearer',
            CREDENTIALS,
            "it asks for Bearer or Digest, and Basic was sent; put a bearer_token",
        ),
        ("Negotiate", CREDENTIALS, "it asks for Negotiate"),
        ('Bearer realm="api"', None, "it asks for Bearer, and no credentials are configured"),
        ('Basic realm="api"', None, "it asks for Basic, and no credentials are configured; put login and password"),
        ('Basic realm="Digest, Bearer"', CREDENTIALS, "check login and password"),
        ('Digest realm="x", Basic realm="y"', CREDENTIALS, "check login and password"),
        ("=,;\"'\u00e9", CREDENTIALS, "check login and password"),
    ],
)
async def test_a_challenge_is_named(challenge: str, credentials: Any, says: str, serve, fetcher, source_at) -> None:
    refused = http(b"", f"WWW-Authenticate: {challenge}", status="401 Unauthorized")
    server = await serve({"/t": refused, "/sessions.csv": refused})
    with pytest.raises(ProcessingError) as caught:
        await fetcher.text(server.url("/t"), source_at(server, credentials=credentials))
    assert says in str(caught.value)
    assert ("check login" in str(caught.value)) == says.startswith("check login")
