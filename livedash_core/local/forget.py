"""`make clean-data`: delete the data of `livedash up`. Run as a program."""

from __future__ import annotations

import fcntl
import shutil
import sys

from livedash_core.local.environment import LocalInstallation
from livedash_core.settings import Settings


def delete_data() -> int:
    """Delete ``LIVEDASH_HOME``, unless `livedash up` is running in it; returns the exit code."""
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
    sys.stdout.write("The data was deleted.\n")
    return 0


if __name__ == "__main__":
    sys.exit(delete_data())
