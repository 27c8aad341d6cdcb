"""Prepares a metadata database: its schema, and LiveDash's connections. `livedash up` runs it as a program.

One process does both, because importing Airflow takes longer than either. The connections come as JSON on standard
input, ``{conn_id: {"conn_type": …, "host": …, "login": …, "password": …, "schema": …}}``, so that no password appears
in an argument or in the environment.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def prepare(connections: dict[str, dict[str, Any]]) -> None:
    """Create or upgrade the metadata schema, and replace these connections."""
    from airflow.models.connection import Connection
    from airflow.utils.db import upgradedb
    from airflow.utils.session import create_session

    upgradedb()
    with create_session() as session:
        for conn_id, fields in connections.items():
            session.query(Connection).filter(Connection.conn_id == conn_id).delete()
            session.add(Connection(conn_id=conn_id, **fields))


if __name__ == "__main__":
    prepare(json.load(sys.stdin))
