"""`livedash access-log`: the table, the CSV and the JSON of who read what."""

from __future__ import annotations

import csv
import io
from uuid import UUID

from sqlalchemy import Engine

from livedash_core.operations.access_log import Access, complete, record
from tests.integration.cli.conftest import CommandLine
from tests.integration.records import Records


def test_the_access_log_is_listed_and_exported_without_formulas(
    livedash: CommandLine, records: Records, engine: Engine
) -> None:
    acme = records.company("Acme")
    assert livedash("access-log")[0] == "The access log has no entries in this selection.\n"
    record(engine, Access("=cmd|x", "session", (acme,), UUID(int=1)))
    complete(engine, record(engine, Access("bob", "sessions.csv", None)), 12)

    listed, _ = livedash("access-log")
    assert "bob" in listed
    assert "Acme" in listed
    export, first = livedash.json("access-log", "--company", "Acme")
    assert (export["user"], export["companies"], export["rows"]) == ("bob", None, 12)
    assert (first["user"], first["companies"], first["session"]) == ("=cmd|x", ["Acme"], str(UUID(int=1)))
    heading, _, last = csv.reader(io.StringIO(livedash("access-log", "--csv")[0]))
    assert heading == ["at", "user", "action", "companies", "session", "rows"]
    assert last[1:4] == ["'=cmd|x", "session", "Acme"]
    assert livedash.json("access-log", "--user", "bob", "--to", "2020-01-01") == []
    assert "exclude each other" in livedash("access-log", "--csv", "--json", code=2)[1]
