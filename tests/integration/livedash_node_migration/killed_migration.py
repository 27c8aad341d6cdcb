"""A migration that is killed: ``python -m …killed_migration SOURCE TARGET FOLDER SESSIONS``.

It kills itself as soon as so many sessions are done, with a chunk of ten committed just before.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from livedash_core.db import make_engine
from livedash_core.livedash_node_migration import Report, migrate_livedash_node, open_source_database


def main() -> None:
    _, source, target, folder, sessions = sys.argv

    def kill(report: Report) -> None:
        if report.done >= int(sessions):
            os.kill(os.getpid(), signal.SIGKILL)

    with open_source_database(source) as source:
        migrate_livedash_node(source, make_engine(target), Path(folder), on_progress=kill, chunk_size=10)


if __name__ == "__main__":
    main()
