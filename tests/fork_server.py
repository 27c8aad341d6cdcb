"""Start Python programs as processes of their own that need not import LiveDash first.

A command of ``livedash`` takes one to two seconds of processor time for its imports, and tests start commands hundreds
of times. Here a server process imports the libraries once and forks for each program. A forked program has its own
process id, arguments, environment, working directory, standard streams and exit code, and dies of the signals that it
is sent, like a program that was executed. The tests in ``tests/e2e`` execute the installed command itself.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import IO, Any, Self

from livedash_core import entry_points
from livedash_core.analyzers import load_analyzers
from livedash_core.cli.commands import COMMANDS, GROUPS

PROJECT = Path(__file__).parents[1]
COMMAND_MODULES = {*COMMANDS, *(module for module, _ in GROUPS.values())}
PRELOADED = ("livedash_core.cli.app", "openai", "eld", *(f"livedash_core.cli.{name}" for name in COMMAND_MODULES))
MESSAGE_BYTES = 128 * 1024


class ForkedProcess:
    """A running program, with the part of ``subprocess.Popen`` that the tests use."""

    def __init__(self, args: Sequence[str], status: IO[str], pipes: Mapping[str, IO[str]]) -> None:
        self.args = args
        self.stdin, self.stdout, self.stderr = (pipes.get(name) for name in ("stdin", "stdout", "stderr"))
        self.returncode: int | None = None
        self._status = status
        pid = status.readline()
        assert pid, "the fork server has ended"
        self.pid = int(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self.wait()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            with self._status:
                self.returncode = int(self._status.readline())
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it writes to its standard output and standard error until it ends."""
        written = {"stdout": "", "stderr": ""}

        def read(name: str, pipe: IO[str]) -> None:
            written[name] = pipe.read()

        pipes = [(name, pipe) for name in written if (pipe := getattr(self, name)) is not None]
        threads = [Thread(target=read, args=pipe) for pipe in pipes]
        for thread in threads:
            thread.start()
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            for thread in threads:
                thread.join()
            self._close()
        return written["stdout"], written["stderr"]

    def _close(self) -> None:
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def start(
    *program: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | str = PROJECT,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
) -> ForkedProcess:
    """Start ``livedash ARGUMENT…`` or ``-m MODULE ARGUMENT…``; a stream may be ``subprocess.PIPE`` or ``DEVNULL``."""
    pipes: dict[str, IO[str]] = {}
    theirs: list[int] = []
    for number, (name, wanted) in enumerate({"stdin": stdin, "stdout": stdout, "stderr": stderr}.items()):
        if wanted == subprocess.PIPE:
            reading, writing = os.pipe()
            kept, given = (writing, reading) if number == 0 else (reading, writing)
            pipes[name] = os.fdopen(kept, "w" if number == 0 else "r", encoding="utf-8")
        else:
            given = os.open(os.devnull, os.O_RDWR) if wanted == subprocess.DEVNULL or number == 0 else os.dup(number)
        theirs.append(given)
    reading, writing = os.pipe()
    theirs.append(writing)
    request = {"program": program, "environment": dict(os.environ if env is None else env), "directory": str(cwd)}
    socket.send_fds(_server(), [json.dumps(request).encode()], theirs)
    for descriptor in theirs:
        os.close(descriptor)
    return ForkedProcess(program, os.fdopen(reading), pipes)


@functools.cache
def _server() -> socket.socket:
    """The connection to this process's fork server, which ends when the connection does."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.fork_server", str(its.fileno())]
    process = subprocess.Popen(command, cwd=PROJECT, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
    its.close()

    def stop() -> None:
        ours.close()
        process.wait(30)

    atexit.register(stop)
    return ours


def _serve(requests: socket.socket) -> None:
    """Fork for each request. Returns in the server when its client has gone, and in a program when that is over."""
    _import_libraries()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing waits for the processes that watch the programs
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 4)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            *streams, status = descriptors
            if (pid := os.fork()) != 0:
                _watch(pid, streams, status)
            os.close(status)
            _run(streams, **json.loads(message))
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _import_libraries() -> None:
    for module in PRELOADED:
        importlib.import_module(module)

    from sqlalchemy.orm import configure_mappers

    from livedash_core.pipeline import BUILT_IN

    for stage in BUILT_IN.stages:
        importlib.import_module(str(stage.implementation).partition(":")[0])
    configure_mappers()


def _watch(pid: int, streams: list[int], status: int) -> None:
    """Write a program's process id, and its exit code when it has ended."""
    for stream in streams:
        os.close(stream)
    os.write(status, f"{pid}\n".encode())
    _, ended = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os._exit(0)


def _run(streams: list[int], program: Sequence[str], environment: dict[str, str], directory: str) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    # The command's help lists the analyzers, so the server has loaded them without this program's PYTHONPATH.
    entry_points.search.cache_clear()
    load_analyzers.cache_clear()
    if program[0] == "livedash":
        from livedash_core.cli import main

        sys.argv = list(program)
        main()
    else:
        sys.argv = list(program[1:])
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)


def _main(descriptor: Any) -> None:
    _serve(socket.socket(fileno=int(descriptor)))


if __name__ == "__main__":
    _main(sys.argv[1])
