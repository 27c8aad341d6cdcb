"""The word lists under ``data/``, one JSON file per rule."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

#: Its lists are used together with those of the user's language ("payslip", "this sucks" in a Dutch chat), and alone if
#: the language has none.
LINGUA_FRANCA = "en"


def load(name: str) -> Any:
    """The content of ``data/{name}.json``; the rule that reads it documents its structure."""
    return json.loads(files(__package__).joinpath("data", f"{name}.json").read_text(encoding="utf-8"))
