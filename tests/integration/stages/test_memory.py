"""A thousand sessions do not take more memory than a small worker has."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

from livedash_core.local.sample import build_sample
from livedash_core.settings import PROJECT
from tests.integration.stages.website import Site

SESSIONS = 1000
MAX_MIB = 300


def test_a_thousand_sessions_stay_below_300_mib(site: Site, acme, database_url: str):
    conversations = [
        transcript.decode()
        for transcript in build_sample(site.url, until=date(2026, 3, 2)).transcripts.values()
        if transcript
    ]
    site.publish(
        # None alike: the same words by the same session would be analysed once.
        site.row(f"S{number}", f"{conversations[number % len(conversations)]}User: And number {number}?\n")
        for number in range(SESSIONS)
    )

    finished = subprocess.run(
        [sys.executable, "-m", "tests.integration.stages.drain", database_url],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    print(finished.stdout)
    assert {stage["claimed"] for stage in found["stages"].values()} == {SESSIONS}
    assert found["mib"] < MAX_MIB
