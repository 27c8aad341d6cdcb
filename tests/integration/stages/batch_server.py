"""A model server with files and batches, made for these tests, as llmock has none.

Partial batches, shuffled and malformed lines, expired ones with output, files that are gone, and a client that is
killed at a given moment. It bills what it answers, and counts it. llmock's batches end well and answer canned text.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

ANALYSIS = {
    "summary": "The employee asked how to request leave and was told to use the app.",
    "questions": ["How do I request leave?"],
    "outcome_reason": "The chatbot explained how to request leave.",
    "outcome": "RESOLVED",
    "missing": "NONE",
    "language": "nl",
    "sentiment": "NEUTRAL",
    "escalated": False,
    "forwarded_hr": False,
    "category": "LEAVE_VACATION",
}
USAGE = {"prompt_tokens": 900, "completion_tokens": 80, "total_tokens": 980}

Body = dict[str, Any]


def completion(content: Any = None, **message: Any) -> Body:
    """A 200's body around ``content``, a plain analysis unless told otherwise."""
    text = content if isinstance(content, str) else json.dumps(ANALYSIS if content is None else content)
    return {
        "object": "chat.completion",
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": text} | message}],
        "usage": USAGE,
    }


def line(custom_id: str, body: Any, status: int = 200) -> bytes:
    response = {"status_code": status, "request_id": f"req_{custom_id}", "body": body}
    return json.dumps({"id": "batch_req", "custom_id": custom_id, "response": response, "error": None}).encode()


def not_run(custom_id: str, code: str) -> bytes:
    error = {"code": code, "message": "This request could not be executed."}
    return json.dumps({"id": "batch_req", "custom_id": custom_id, "response": None, "error": error}).encode()


@dataclass
class End:
    """What becomes of a batch. ``output`` and ``errors`` make a file's lines of the requests; None makes no file."""

    status: str = "completed"
    output: Callable[[list[Body]], list[bytes]] | None = None
    errors: Callable[[list[Body]], list[bytes]] | None = None
    codes: tuple[str, ...] = ()
    output_is_gone: bool = False
    #: What the server says that the batch took, beside the lines.
    usage: Any = None
    #: Looks before it has ended.
    looks: int = 0
    #: Fields of the batch that the server shows as they are here.
    shown: Body = field(default_factory=dict)


def all_answered(requests: list[Body]) -> list[bytes]:
    """Every request, in any order."""
    lines = [line(request["custom_id"], completion()) for request in requests]
    random.Random(7).shuffle(lines)
    return lines


COMPLETES = End(output=all_answered)


@dataclass
class BatchServer:
    """Keeps what it was sent. ``kill_at``: the client whose pid is ``client`` is killed when a request of that name
    (``POST /files``) comes in (``before``: it is not done), or when it was done and is not answered yet (``after``).
    """

    ends: list[End] = field(default_factory=list)
    calls_answer: Callable[[Body], tuple[int, Body]] = field(default=lambda _body: (200, completion()))
    refuses: dict[str, tuple[int, Body]] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    #: Name and content of every file that was ever uploaded.
    uploaded: list[tuple[str, bytes]] = field(default_factory=list)
    batches: dict[str, Body] = field(default_factory=dict)
    #: Times that each conversation was answered, hence billed; and the tokens.
    billed: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    client: int | None = None
    kill_at: tuple[str, str] | None = None
    on_look: Callable[[str], None] | None = None
    #: Called once, when a request of that name (``POST /files``) was done and is not answered yet.
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        server = self
        self._lock = threading.RLock()

        class Handler(_Handler):
            batch_server = server

        self._http = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def requests_of(self, batch_id: str) -> list[Body]:
        return self.batches[batch_id]["requests"]

    @property
    def custom_ids(self) -> list[str]:
        """Of all requests of all batches."""
        return [request["custom_id"] for batch in self.batches.values() for request in batch["requests"]]

    # --- what it does

    def handle(self, method: str, path: str, query: dict[str, list[str]], content: bytes) -> tuple[int, bytes]:
        name = re.sub(r"/(file|batch)-\w+", "/ID", path)
        with self._lock:
            if self._killed(f"{method} {name}", "before"):
                raise ConnectionError
            self.seen[f"{method} {name}"] += 1
            refusal = self.refuses.get(f"{method} {name}")
            status, body = refusal or self._route(method, path, query, content)
            self._killed(f"{method} {name}", "after")
            happens = self.meanwhile.pop(f"{method} {name}", None)
        if happens is not None:
            happens()  # without the lock: it may ask us something
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()

    def _killed(self, name: str, when: str) -> bool:
        if self.kill_at != (name, when) or self.client is None:
            return False
        self.kill_at = None
        os.kill(self.client, signal.SIGKILL)
        return True

    def _route(self, method: str, path: str, query: dict[str, list[str]], content: bytes) -> tuple[int, Any]:
        what, _, rest = path.strip("/").partition("/")
        match method, what, rest:
            case "POST", "files", "":
                return self._upload(content)
            case "GET", "files", "":
                return 200, {"object": "list", "data": [self._file(key) for key in reversed(self.files)]}
            case "GET", "files", _:
                held = self.files.get(rest.removesuffix("/content"))
                return (200, held[1]) if held else (404, {"error": {"message": "No such File object"}})
            case "DELETE", "files", _:
                self.files.pop(rest, None)
                return 200, {"id": rest, "deleted": True}
            case "POST", "batches", "":
                return self._create(json.loads(content))
            case "GET", "batches", "":
                return 200, {"object": "list", "data": [self._shown(key) for key in reversed(self.batches)]}
            case "GET", "batches", _ if rest in self.batches:
                return 200, self._look(rest)
            case "POST", "batches", _:
                return self._cancel(rest.removesuffix("/cancel"))
            case "POST", "chat", "completions":
                return self._call(json.loads(content))
        return 404, {"error": {"message": "not found"}}

    def _upload(self, content: bytes) -> tuple[int, Body]:
        head, _, rest = content.partition(b'name="file"; filename="')
        assert head, "a multipart form"
        name, _, rest = rest.partition(b'"')
        lines = rest.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        # The purpose may come first or last.
        lines = lines.partition(b"\r\n--")[0]
        self.uploaded.append((name.decode(), lines))
        return 200, self._file(self._keep(name.decode(), lines))

    def _keep(self, name: str, content: bytes) -> str:
        key = f"file-{len(self.seen)}x{random.randrange(10**9)}"
        self.files[key] = (name, content)
        return key

    def _file(self, key: str) -> Body:
        return {"id": key, "object": "file", "filename": self.files[key][0], "created_at": int(time.time())}

    def _create(self, asked: Body) -> tuple[int, Body]:
        requests = [json.loads(one) for one in self.files[asked["input_file_id"]][1].splitlines()]
        assert len({request["body"]["model"] for request in requests}) == 1, "one model per file"
        assert asked["endpoint"] == requests[0]["url"] == "/v1/chat/completions"
        key = f"batch-{len(self.batches)}"
        end = self.ends.pop(0) if self.ends else COMPLETES
        self.batches[key] = {
            "id": key,
            "object": "batch",
            "status": "validating",
            "created_at": int(time.time()),
            "metadata": asked["metadata"],
            "requests": requests,
            "end": end,
            "looks": end.looks,
        }
        return 200, self._shown(key)

    def _look(self, key: str) -> Body:
        if self.on_look is not None:
            self.on_look(key)
        batch = self.batches[key]
        if batch["status"] in ("validating", "in_progress"):
            batch["status"] = "in_progress"
            batch["looks"] -= 1
            if batch["looks"] < 0:
                self._finish(batch, batch["end"])
        elif batch["status"] == "cancelling":
            half = batch["requests"][: len(batch["requests"]) // 2]
            self._finish(batch, End("cancelled", output=lambda _: all_answered(half)))
        return self._shown(key)

    def _finish(self, batch: Body, end: End) -> None:
        batch["status"] = end.status
        batch["usage"] = end.usage
        batch["errors"] = {"object": "list", "data": [{"code": code} for code in end.codes]}
        for name, make in (("output_file_id", end.output), ("error_file_id", end.errors)):
            lines = make(batch["requests"]) if make else []
            self._bill(batch, lines)
            if make:
                batch[name] = self._keep(name, b"\n".join(lines))
        if end.output_is_gone:
            self.files.pop(batch["output_file_id"])

    def _bill(self, batch: Body, lines: list[bytes]) -> None:
        prompts = {request["custom_id"]: conversation(request["body"]) for request in batch["requests"]}
        for one in lines:
            try:
                read = json.loads(one)
            except (ValueError, RecursionError):
                continue
            if (read["response"] or {}).get("status_code") == 200 and read["custom_id"] in prompts:
                self.billed[prompts[read["custom_id"]]] += 1
                self.tokens.update(read["response"]["body"]["usage"])

    def _cancel(self, key: str) -> tuple[int, Body]:
        if self.batches[key]["status"] in ("completed", "failed", "expired", "cancelled"):
            return 400, {"error": {"message": "Cannot cancel a batch that has ended"}}
        self.batches[key]["status"] = "cancelling"
        return 200, self._shown(key)

    def _call(self, body: Body) -> tuple[int, Body]:
        status, answer = self.calls_answer(body)
        if status == 200:
            self.billed[conversation(body)] += 1
            self.tokens.update(answer["usage"])
        return status, answer

    def _shown(self, key: str) -> Body:
        batch = self.batches[key]
        counts = {"total": len(batch["requests"]), "completed": 0, "failed": 0}
        return (
            {name: value for name, value in batch.items() if name not in ("requests", "end", "looks")}
            | {"request_counts": counts}
            | batch["end"].shown
        )


def conversation(body: Body) -> str:
    """What tells one conversation from another: its own words, without the fence."""
    return "\n".join(text for text in body["messages"][1]["content"].split("\n") if text.startswith("{"))


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A killed client breaks its connection; a fault of ours shows in what it is answered: nothing."""


class _Handler(BaseHTTPRequestHandler):
    batch_server: BatchServer
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        content = self._content()
        try:
            status, body = self.batch_server.handle(
                self.command, parts.path.removeprefix("/v1"), parse_qs(parts.query), content
            )
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # the client was killed, which is what some tests are about

    def _content(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    do_GET = do_POST = do_DELETE = _serve

    def log_message(self, *_: object) -> None:
        pass
