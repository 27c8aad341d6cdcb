"""The same stack as the end-to-end tests, a run of its own: these wait for leases and backlogs."""

from tests.e2e.conftest import browser, stack

__all__ = ["browser", "stack"]
