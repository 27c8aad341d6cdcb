"""What the command line prints about an error that ended a command."""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from livedash_core.db import first_line


def sentences(error: Exception) -> list[str]:
    """Describe an invalid setting or a failure of the database; return nothing for an unexpected error."""
    if isinstance(error, ValidationError):
        return [
            f"the setting {_variable(problem['loc'])} is invalid: {problem['msg']}"
            for problem in error.errors(include_input=False)
        ]
    if isinstance(error, DBAPIError):
        return [f"the database failed: {first_line(error)}"]
    return []


def _variable(location: tuple[int | str, ...]) -> str:
    """Return the environment variable of a field of ``Settings``."""
    name = str(location[0]).upper()
    return name if name.startswith("OPENAI_") else f"LIVEDASH_{name}"
