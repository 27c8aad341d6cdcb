"""All stages again and again in one process, until SIGTERM: ``python -m tests.soak.worker DATABASE_URL``."""

from __future__ import annotations

import signal
import sys
from threading import Event

from livedash_core.db import make_engine
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.stage import StageContext, create_stage

PAUSE_SECONDS = 0.2


def main() -> None:
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    engine = make_engine(sys.argv[1])
    context = StageContext(engine, Settings())
    print("at work", flush=True)
    while not stopped.wait(PAUSE_SECONDS):
        for name in BUILT_IN.names:
            Runner(engine, create_stage(BUILT_IN.stage(name), context), BUILT_IN).run()
    engine.dispose()


if __name__ == "__main__":
    main()
