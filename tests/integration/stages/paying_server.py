"""A chat completions server that counts what it served, and may kill its client when it has answered.

llmock counts requests, but not the tokens that it bills.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from genai_prices import Usage, calc_price

from tests.unit.analysis.openai.scripted_server import VALID_REPLY

MODEL = "gpt-5.4-mini"


class PayingServer:
    """A context manager. ``billed_usd`` is the price of the tokens that it served, according to genai-prices."""

    def __init__(self) -> None:
        self.posts = 0
        self.tokens = 0
        self.billed_usd = Decimal(0)
        #: The number of posts after which the client is killed, and its process id.
        self.kill_after: int | None = None
        self.client: int | None = None
        self._random = random.Random(7)
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                body = json.dumps(server.serve()).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()
                if server.posts == server.kill_after and server.client:
                    os.kill(server.client, signal.SIGKILL)

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def serve(self) -> dict[str, Any]:
        with self._lock:
            self.posts += 1
            prompt = self._random.randint(500, 5_000)
            cached, completion = self._random.randint(0, prompt), self._random.randint(50, 500)
            tier = self._random.choice(["default", "flex", "priority"])
            counted = Usage(input_tokens=prompt, cache_read_tokens=cached, output_tokens=completion)
            price = calc_price(counted, MODEL, provider_id="openai", price_context={"service_tier": tier})
            self.tokens += prompt + completion
            self.billed_usd += price.total_price
        return {
            "model": f"{MODEL}-2026-03-17",
            "service_tier": tier,
            "choices": [
                {"finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(VALID_REPLY)}}
            ],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "prompt_tokens_details": {"cached_tokens": cached},
                "completion_tokens_details": {"reasoning_tokens": completion // 2},
            },
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
