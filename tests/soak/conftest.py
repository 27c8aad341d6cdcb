"""The stack of the end-to-end tests, in a separate run, because these tests wait for backlogs."""

from tests.e2e.conftest import client, stack

__all__ = ["client", "stack"]
