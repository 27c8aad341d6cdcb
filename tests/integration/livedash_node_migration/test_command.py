"""`livedash migrate` as its user runs it, and the pipeline going on from where the old system stopped."""

from __future__ import annotations

import csv
import io
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_core.parsing.csv_rows import COLUMNS
from livedash_core.pipeline import BUILT_IN
from tests.integration.cli.company_server import PASSWORD, USER, CompanyServer, conversation
from tests.integration.cli.conftest import CONNECTION, CommandLine
from tests.integration.livedash_node_migration.conftest import NewNode
from tests.integration.livedash_node_migration.livedash_node import LivedashNode, reference_case
from tests.integration.records import Records

#: How livedash-node calls the 16 columns.
OLD_COLUMNS = (
    *("externalSessionId", "startTimeRaw", "endTimeRaw", "ipAddress", "countryCode", "language", "messagesSent"),
    *("sentimentRaw", "escalatedRaw", "forwardedHrRaw", "fullTranscriptUrl", "avgResponseTimeSeconds", "tokens"),
    *("tokensEur", "category", "initialMessage"),
)


@pytest.fixture
def livedash(database_url: str, tmp_path: Path) -> CommandLine:
    return CommandLine(
        LIVEDASH_DATABASE_URL=database_url, LIVEDASH_HOME=str(tmp_path), AIRFLOW_CONN_LIVEDASH_ACME=CONNECTION
    )


@pytest.fixture
def node(new_node: NewNode) -> LivedashNode:
    node = new_node()
    reference_case(node)
    return node


def test_the_report_accounts_for_every_row(livedash: CommandLine, node: LivedashNode) -> None:
    node.add("Message", sessionId="gone")
    prismas = f"{node.url.replace('postgresql:', 'postgres:')}&schema=public&connection_limit=5"

    out, err = livedash("migrate", "--source", prismas, "--dry-run")
    assert "Nothing was kept: this was a dry run." in out
    assert "its session does not exist" in out
    assert "109/109" in err
    report = livedash.json("migrate", "--source", node.url)

    assert (report["sound"], report["generation"], report["notes"]) == (True, "before", [])
    message = report["tables"]["Message"]
    assert [message[name] for name in ("source", "copied", "here_before", "listed")] == [328, 327, 0, 1]
    assert message["checksum_there"] == message["checksum_here"] != "0" * 16
    assert livedash.json("status")["total_sessions"] == 109
    assert livedash.json("doctor") == []
    assert livedash.json("migrate", "--source", node.url)["tables"]["Session"]["here_before"] == 109


@pytest.mark.airflow
def test_passwords_go_to_a_file_that_airflow_imports_and_only_its_owner_reads(
    livedash: CommandLine, node: LivedashNode, tmp_path: Path
) -> None:
    node.add("Company", name="Umbrella", csvUrl="https://u:s%3Acret@umbrella.example/chats.csv?x=1")
    out, _ = livedash("migrate", "--source", node.url)
    file = tmp_path / "migration" / "livedash-node-connections.json"

    assert f"airflow connections import {file}" in out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # What `airflow connections import` reads it with.
    script = (
        "import json, sys; from airflow.secrets.local_filesystem import load_connections_dict as load\n"
        "print(json.dumps({k: [c.conn_type, c.host, c.login, c.password] for k, c in load(sys.argv[1]).items()}))"
    )
    environment = livedash.environment | {"AIRFLOW_HOME": str(tmp_path / "airflow")}
    read = subprocess.run(
        [sys.executable, "-c", script, str(file)], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(read.stdout.splitlines()[-1]) == {
        "livedash_acme": ["http", "chats.acme.example", USER, PASSWORD],
        "livedash_umbrella": ["http", "umbrella.example", "u", "s:cret"],
    }
    companies = {company["name"]: company for company in livedash.json("company", "list")}
    assert companies["Umbrella"]["csv_url"] == "https://umbrella.example/chats.csv?x=1"
    assert companies["Umbrella"]["http_conn_id"] == "livedash_umbrella"


def test_process_continues_migrated_sessions(
    livedash: CommandLine, new_node: NewNode, engine: Engine, records: Records
) -> None:
    """The company's CSV still has the same rows: nothing is done again but what was not done."""
    chats = [conversation(number) for number in range(12)]
    node = new_node()
    with CompanyServer(chats).serving() as server:
        company = node.add("Company", csvUrl=server.csv_url, csvUsername=USER, csvPassword=PASSWORD)
        for number, row in enumerate(csv.reader(io.StringIO(server.csv().decode(), newline=""))):
            cells: dict[str, Any] = {name: cell or None for name, cell in zip(OLD_COLUMNS, row, strict=True)}
            chat = chats[number]
            import_only = number >= 9
            if import_only:
                node.add("SessionImport", companyId=company, **cells)
                continue
            transcript = chat.transcript if number < 6 else None
            session = node.session(
                company, messages=0, transcript=transcript, url=cells["fullTranscriptUrl"], analysed=number < 2,
                imported=cells, startTime=chat.started, endTime=chat.started,
            )  # fmt: skip
            for order, (role, content) in enumerate(chat.messages if number < 4 else []):
                node.add("Message", sessionId=session, order=order, role=role, content=content)
        livedash("migrate", "--source", node.url)
        livedash("company", "update", "Acme", "--allow-network", "127.0.0.0/8", "--timezone", "Europe/Zurich")
        reports = livedash.json("process")["stages"]

    assert [reports[stage]["claimed"] for stage in BUILT_IN.names] == [0, 6, 8, 10, 12]
    assert [reports[stage]["completed"] for stage in BUILT_IN.names] == [0, 6, 8, 10, 12]
    assert server.requests == {"csv": 1, "transcript": 6}
    counts = livedash.json("status")
    assert counts["total_sessions"] == 12
    assert {stage: counted["COMPLETED"] for stage, counted in counts["stages"].items()} == dict.fromkeys(
        BUILT_IN.names, 12
    )
    records.assert_counts_equal_rows()
    with engine.connect() as connection:
        analyzers = connection.execute(
            text("SELECT analyzer, count(*) FROM livedash.session GROUP BY 1 ORDER BY 1")
        ).all()
        told = connection.execute(text('SELECT count(*) FROM livedash_compat."Session" WHERE processed')).scalar()
    assert analyzers == [("livedash-node", 2), ("offline", 10)]
    assert told == 12
    assert len(COLUMNS) == len(OLD_COLUMNS)


def test_an_unreadable_source_is_one_sentence_without_a_password(livedash: CommandLine, new_node: NewNode) -> None:
    node = new_node()
    empty = node.url.replace("/livedash_node_", "/livedash_none_")
    other, nobody, schema = livedash.refuses(
        ("migrate", "--source", "mysql://me:hunter2@host/db"),
        ("migrate", "--source", empty),
        ("migrate", "--source", node.url, "--source-schema", "elsewhere"),
        code=1,
    )
    assert other == "livedash: --source is not a URL like postgresql://user:password@host/name\n"
    assert "the source database does not answer" in nobody
    assert "no table Company, SessionImport, Session, Message" in schema


def test_the_source_is_never_written(livedash: CommandLine, node: LivedashNode) -> None:
    """Not even by somebody who may only read."""
    node.execute("CREATE ROLE reader LOGIN")
    node.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    try:
        report = livedash.json("migrate", "--source", node.url.replace("postgres@", "reader@"))
    finally:
        node.execute("DROP OWNED BY reader")
        node.execute("DROP ROLE reader")
    assert report["sound"]
