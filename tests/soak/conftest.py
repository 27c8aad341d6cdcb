"""The same stack as the end-to-end tests, a run of its own: these wait for backlogs."""

from tests.e2e.conftest import client, stack

__all__ = ["client", "stack"]
