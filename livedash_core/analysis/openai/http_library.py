"""The HTTP library under the OpenAI SDK: httpx2 from version 3 on, httpx before. Both use the same names.

An Airflow 3.2 that is installed with its constraints has version 2 of the SDK.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import openai

if TYPE_CHECKING:
    import httpx2 as http
else:
    http = import_module(openai.Timeout.__init__.__module__.partition(".")[0])

__all__ = ["http"]
