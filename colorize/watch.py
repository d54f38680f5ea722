"""Notices that a process of a training is gone, and ends this one: a step of all would wait for it for ever.

A line of TCP from the first process to each other one. The system closes it when a process ends, however it ends; where
a machine or its network is gone, it is noticed by probes that stay without an answer.
"""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from colorize.errors import UserError
from colorize.processes import Processes

RELEASED, DONE = b"r", b"."
"""What is said on the line: no step follows; and all is done."""

PROBE_SECONDS, PROBES = 10, 3
"""Of a line on which nothing is heard: so often, and so many without an answer until it counts as cut."""

LAST_WORDS = 10.0
"""Seconds that this process may take to note its end."""

GONE = 3
"""Exit status of a process whose training ends because another one is gone."""


class Watch:
    """Of one process; a context, within which all processes train.

    Args:
        note_end: called when the training ends because another process is gone.
    """

    def __init__(self, processes: Processes, note_end: Callable[[], object]):
        self.processes, self.note_end = processes, note_end
        self._released = False
        self._lines: list[socket.socket] = []
        self._listeners: list[threading.Thread] = []

    def __enter__(self) -> "Watch":
        if self.processes.number > 1:
            self._connect()
        return self

    def _connect(self) -> None:
        processes = self.processes
        with socket.create_server(("", 0)) as server:
            host = processes.coordinator.rpartition(":")[0] or socket.gethostname()
            address = processes.first([host.strip("[]"), server.getsockname()[1]])
            if processes.is_first:
                self._lines = [server.accept()[0] for _ in range(processes.number - 1)]
            else:
                self._lines = [socket.create_connection(tuple(address))]
                self._lines[0].sendall(json.dumps([processes.id, socket.gethostname()]).encode() + b"\n")
        for line in self._lines:
            _probe(line)
            self._listeners.append(threading.Thread(target=self._listen, args=(line,), name="watch", daemon=True))
            self._listeners[-1].start()

    def _listen(self, line: socket.socket) -> None:
        """Reads a line to its end."""
        who = "the first process"
        released = done = False
        with line.makefile("rb") as said:
            try:
                if self.processes.is_first:
                    number, host = json.loads(said.readline() or b'["?", "?"]')
                    who = f"process {number}, on {host},"
                while word := said.read(1):
                    released, done = released or word == RELEASED, word == DONE
            except OSError:
                pass
        if not (released or done):
            self._end(who)

    def _end(self, who: str) -> None:
        print(
            f"{who} is gone, and a step needs all {self.processes.number} of them: the training ends. What it said"
            " itself is on its own screen. To go on, start all of them again with resume=auto",
            file=sys.stderr, flush=True,
        )  # fmt: skip
        noting = threading.Thread(target=self.note_end, daemon=True)
        noting.start()
        noting.join(LAST_WORDS)
        os._exit(GONE)  # the main thread waits for the others, in C

    def release(self) -> None:
        """Says that no step follows: from here on, each process may end when it is ready."""
        self._released = True
        self._say(RELEASED)

    def _say(self, word: bytes) -> None:
        for line in self._lines:
            with suppress(OSError):  # `_listen` notices
                line.sendall(word)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if self._lines and isinstance(error, Exception) and not isinstance(error, UserError) and not self._released:
            time.sleep(LAST_WORDS)  # of a step, because another process is gone: `_end` says so meanwhile
        if self._released:
            self._say(DONE)
            if not self.processes.is_first:  # whose JAX the others need as long as they live
                self._listeners[0].join()
        for line in self._lines:
            with suppress(OSError):  # cut already
                line.shutdown(socket.SHUT_RDWR)


def _probe(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", PROBE_SECONDS), ("TCP_KEEPINTVL", PROBE_SECONDS), ("TCP_KEEPCNT", PROBES)):
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
