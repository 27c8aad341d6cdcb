"""The sample's web server, asked by a real client."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from livedash_core.errors import ConfigurationError
from livedash_core.local.sample import EMPTY_TRANSCRIPT_ID, NO_URL_ID, NOT_FOUND_ID, build_sample
from livedash_core.local.sample_source import SampleSource

UNTIL = date(2026, 3, 31)
CREDENTIALS = ("sample", "pässwört: 7")
TRANSCRIPT = "/transcripts/LV-0001.txt"


@pytest.fixture(scope="module")
def source() -> Iterator[SampleSource]:
    with SampleSource(*CREDENTIALS, until=UNTIL) as source:
        yield source


@pytest.fixture
def client(source: SampleSource) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=source.url, auth=CREDENTIALS, trust_env=False) as client:
        yield client


@pytest.fixture
def anonymous(source: SampleSource) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=source.url, trust_env=False) as client:
        yield client


def test_it_publishes_the_sample_at_its_own_address(source: SampleSource, client: httpx2.Client) -> None:
    sample = build_sample(source.url, until=UNTIL)
    answer = client.get(source.csv_url)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Length"] == str(len(sample.csv))
    assert answer.content == sample.csv
    for path, body in sample.transcripts.items():
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (200, body)
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Length"] == str(len(body))


def test_the_empty_transcript_is_answered_with_no_bytes(client: httpx2.Client) -> None:
    answer = client.get(f"/transcripts/{EMPTY_TRANSCRIPT_ID}.txt")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        f"/transcripts/{NOT_FOUND_ID}.txt",
        f"/transcripts/{NO_URL_ID}.txt",
        "/",
        "/transcripts/",
        "/transcripts/..%2f..%2fetc/passwd",
    ],
)
def test_what_is_not_published_is_not_found(client: httpx2.Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic not base64",
        "Basic " + b64encode(b"sample:wrong").decode(),
        "Basic " + b64encode("other:pässwört: 7".encode()).decode(),
        "Bearer " + b64encode("sample:pässwört: 7".encode()).decode(),
    ],
)
@pytest.mark.parametrize("path", ["/sessions.csv", TRANSCRIPT, "/no-such-path"])
def test_wrong_or_missing_credentials_are_challenged(
    anonymous: httpx2.Client, path: str, authorization: str | None
) -> None:
    answer = anonymous.get(path, headers={} if authorization is None else {"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="sample", charset="UTF-8"'
    assert answer.text == "Unauthorized\n"


def test_the_scheme_is_not_case_sensitive(anonymous: httpx2.Client) -> None:
    credentials = b64encode("sample:pässwört: 7".encode()).decode()
    assert anonymous.get(TRANSCRIPT, headers={"Authorization": f"basic {credentials}"}).status_code == 200


@pytest.mark.parametrize("shape", ["{}", "W/{}", '"another", {}'])
def test_an_unchanged_csv_is_not_sent_again(client: httpx2.Client, shape: str) -> None:
    etag = client.get("/sessions.csv").headers["ETag"]
    answer = client.get("/sessions.csv", headers={"If-None-Match": shape.format(etag)})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)


def test_a_csv_that_changed_is_sent(client: httpx2.Client) -> None:
    assert client.get("/sessions.csv", headers={"If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize("path", ["/sessions.csv", TRANSCRIPT, "/no-such-path"])
def test_head_answers_like_get_without_a_body(client: httpx2.Client, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    for name in ("Content-Type", "Content-Length", "ETag"):
        assert head.headers.get(name) == get.headers.get(name)


def test_a_query_string_changes_nothing(client: httpx2.Client) -> None:
    assert client.get("/sessions.csv?v=2").content == client.get("/sessions.csv").content


def test_it_prints_nothing_on_stderr_and_logs_no_secret(
    client: httpx2.Client, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "livedash_core.local.sample_source"):
        client.get("/sessions.csv")
        client.get("/no-such-path")
    assert "/no-such-path" in caplog.text
    assert b64encode(":".join(CREDENTIALS).encode()).decode() not in caplog.text
    assert capfd.readouterr().err == ""


def test_by_default_the_sessions_are_before_today() -> None:
    before = datetime.now(UTC).date()
    with SampleSource(*CREDENTIALS) as source:
        published = httpx2.get(source.csv_url, auth=CREDENTIALS, trust_env=False).content
        days = (before, before + timedelta(days=1))
        assert published in [build_sample(source.url, until=day).csv for day in days]


def test_after_the_block_the_port_is_free_again() -> None:
    with SampleSource(*CREDENTIALS, until=UNTIL) as source:
        port = source.port
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(source.csv_url, trust_env=False)
    with SampleSource(*CREDENTIALS, port=port, until=UNTIL) as again:
        assert again.port == port


def test_a_taken_port_is_named(source: SampleSource) -> None:
    with (
        pytest.raises(ConfigurationError, match=rf"cannot listen on 127\.0\.0\.1:{source.port} .* choose another port"),
        SampleSource(*CREDENTIALS, port=source.port),
    ):
        pass


@pytest.mark.parametrize("credentials", [("", "secret"), ("sample", ""), ("sam:ple", "secret")])
def test_credentials_that_cannot_work_are_refused(credentials: tuple[str, str]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        SampleSource(*credentials)
    assert "secret" not in str(refusal.value)


def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIVEDASH_")}
    return subprocess.Popen(
        [sys.executable, "-m", "livedash_core.local.sample_source", *arguments],
        env=environment | variables,
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_until_it_is_asked_to_end(ending: signal.Signals) -> None:
    username, password = CREDENTIALS
    with start(
        *("--port", "0", "--until", UNTIL.isoformat()),
        LIVEDASH_SAMPLE_USERNAME=username,
        LIVEDASH_SAMPLE_PASSWORD=password,
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("serving ").strip()
            answer = httpx2.get(url, auth=CREDENTIALS, trust_env=False)
            assert answer.content == build_sample(url.removesuffix("/sessions.csv"), until=UNTIL).csv
            process.send_signal(ending)
            assert process.communicate(timeout=10) == ("", "")
            assert process.returncode == 0
        finally:
            process.kill()


def test_the_process_requires_its_credentials() -> None:
    with start("--port", "0", LIVEDASH_SAMPLE_USERNAME="sample") as process:
        _, complaint = process.communicate(timeout=10)
    assert process.returncode == 2
    assert "LIVEDASH_SAMPLE_PASSWORD is not set" in complaint


def test_the_process_says_that_its_port_is_taken(source: SampleSource) -> None:
    with start(
        *("--port", str(source.port)), LIVEDASH_SAMPLE_USERNAME="sample", LIVEDASH_SAMPLE_PASSWORD="secret"
    ) as process:
        _, complaint = process.communicate(timeout=10)
    assert process.returncode == 1
    assert f"127.0.0.1:{source.port}" in complaint
    assert "Traceback" not in complaint
