"""`make clean-data`: forget what `livedash up` stored. Run as a program."""

from __future__ import annotations

import fcntl
import shutil
import sys

from livedash_core.local.environment import LocalInstallation
from livedash_core.settings import Settings


def forget() -> int:
    """Remove ``LIVEDASH_HOME``; refuses while a `livedash up` uses it."""
    installation = LocalInstallation(Settings().home)
    lock = installation.home / "up.lock"
    if lock.exists():
        with lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.stderr.write("livedash up is running; stop it first (Ctrl-C in its terminal)\n")
                return 1
    if installation.home.exists():
        shutil.rmtree(installation.home)
    sys.stdout.write("The data is gone.\n")
    return 0


if __name__ == "__main__":
    sys.exit(forget())
