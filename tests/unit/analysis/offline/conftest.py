from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from livedash_core.analysis.contract import AnalysisRequest, Turn
from livedash_core.analysis.offline import OfflineAnalyzer


@pytest.fixture(scope="session")
def analyzer() -> OfflineAnalyzer:
    return OfflineAnalyzer()


@pytest.fixture
def ask() -> Callable[..., AnalysisRequest]:
    """A request from the user's lines."""

    def request(*lines: str, hint: str | None = None) -> AnalysisRequest:
        return AnalysisRequest(UUID(int=1), UUID(int=2), tuple(Turn("User", line) for line in lines), hint)

    return request
