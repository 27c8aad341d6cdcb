"""The public names of the costs package, and what its import loads."""

from __future__ import annotations

import subprocess
import sys

from livedash_core import costs


def test_the_public_names_are_sorted_and_exist() -> None:
    assert list(costs.__all__) == sorted(costs.__all__)
    assert [name for name in costs.__all__ if not hasattr(costs, name)] == []


def test_the_import_loads_neither_a_provider_nor_the_analysis() -> None:
    heavy = {"openai", "genai_prices", "livedash_core.analysis", "livedash_core.stages"}
    code = f"import sys, livedash_core.costs; print(sorted({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
