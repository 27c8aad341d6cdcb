"""After a full run against servers that echo their credentials, no password and no key is stored or shown anywhere."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from llmock.pytest_plugin import LLMock
from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from livedash_core.pipeline import BUILT_IN
from tests.integration.airflow.conftest import Run
from tests.integration.records import Records
from tests.integration.stages.website import Answer, Site
from tests.integration.web.conftest import HTML, make_app

LOGIN, PASSWORD = "reader-4711", "pw:7f3a/c9%e1-Jd"
KEY = "sk-proj-51c2d8e9f0a7b6c5d4e3"
SECRETS = (PASSWORD, quote(PASSWORD, safe=""), b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode(), KEY)
ANALYSIS = {
    "summary": "Somebody asked about days of leave and was told.",
    "questions": ["How many days of leave do I have?"],
    "language": "en",
    "sentiment": "NEUTRAL",
    "escalated": False,
    "forwarded_hr": False,
    "category": "LEAVE_VACATION",
}


def test_databases_logs_xcoms_and_pages_hold_no_secret(
    run: Run, records: Records, engine: Engine, airflow_home: Path, llmock: LLMock
) -> None:
    llmock.reply("not what was asked for", times=1)
    llmock.reply(json.dumps(ANALYSIS), times=None)
    source = {"conn_type": "http", "login": LOGIN, "password": PASSWORD}
    model = {"conn_type": "openai", "host": llmock.base_url(), "password": KEY}
    environment = {"AIRFLOW_CONN_ACME_CSV": json.dumps(source), "AIRFLOW_CONN_LIVEDASH_OPENAI": json.dumps(model)}
    with Site() as site:
        records.company(
            "Acme", csv_url=site.csv_url, http_conn_id="acme_csv", allowed_networks=["127.0.0.0/8"], model="small"
        )
        talkative = {
            "S1": Answer("you are {authorization}", status=500),
            "S2": Answer("you are {authorization}", status=404, headers=(("X-You", "{authorization}"),)),
            "S3": Answer("", status=302, headers=(("Location", f"http://{LOGIN}:{quote(PASSWORD)}@127.0.0.1/"),)),
            "S4": Answer("<html>you are {authorization}"),
        }
        site.publish([*site.rows(7), ["S8", f"{site.url}?password=x", *[""] * 14]])
        for name, answer in talkative.items():
            site.answers[f"/transcripts/{name}.txt"] = answer
        for stage in BUILT_IN.names:
            run(stage, "scheduled", environment=environment)
        assert site.authorization, "the password was used"
        # And once more, refused: the run is red and an incident says why.
        site.publish(site.rows(9))
        run("CSV_IMPORT", "scheduled", environment=environment)
        site.answers = dict.fromkeys(site.answers, Answer("{authorization}", status=401))
        assert run("TRANSCRIPT_FETCH", "scheduled", environment=environment).state == "failed"

    assert llmock.requests, "the key was used"
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM livedash.session WHERE category IS NOT NULL")) == 3
        assert connection.scalar(text("SELECT count(*) FROM livedash.session_processing_failure")) >= 5
    places = dict(everything(engine, airflow_home))
    assert len(places) > 30
    assert [place for place, content in places.items() if any(secret in content for secret in SECRETS)] == []


def everything(engine: Engine, airflow_home: Path) -> Iterator[tuple[str, str]]:
    """The name and content of each table, each Airflow file (its database with the XComs, its logs) and each page."""
    with engine.connect() as connection:
        for table in connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'livedash'")).all():
            yield table, "\n".join(connection.scalars(text(f"SELECT CAST(t AS text) FROM livedash.{table} AS t")))
        sessions = connection.scalars(text("SELECT CAST(id AS text) FROM livedash.session_import")).all()
    for file in airflow_home.rglob("*"):
        if file.is_file():
            yield str(file), file.read_bytes().decode("latin-1")
    app = make_app(lambda: engine)
    mounted = Starlette(routes=[Mount("/livedash", app)])
    with TestClient(mounted, base_url="http://airflow.example/livedash/", headers=HTML) as client:
        pages = [route.path for route in app.routes if "{" not in route.path]
        for page in (*pages, *(f"/sessions/{session}" for session in sessions)):
            answer = client.get(page.lstrip("/"))
            assert answer.status_code in (200, 400, 422), page
            yield page, answer.text
