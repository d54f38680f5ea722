"""The line from the first process of a training to each other one: whether they are there, and how busy they are.

A process that is gone is noticed, and ends this one: a step of all would wait for it for ever. The system closes a line
of TCP when a process ends, however it ends; where a machine or its network is gone, probes stay without an answer.
"""

import atexit
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from colorize.distribution.processes import Processes
from colorize.errors import UserError

RELEASED, FAILED, DONE, MEASURED = "released", "failed", "done", "measured"
"""What is said on a line, as JSON: no step follows; an error ends this process, and maybe all; all is
done; how busy a machine is."""

PROBE_SECONDS, PROBES = 10, 3
"""Of a line on which nothing is heard: so often, and so many without an answer until it counts as cut."""

CONNECT = 60.0
"""Seconds in which all lines are there."""

LAST_WORDS = 10.0
"""Seconds that this process may take to note its end."""

SAME_MISTAKE = 30.0
"""Seconds in which a mistake that ends another process has ended this one too, where it is one of all."""

GONE = 3
"""Exit status of a process whose training ends because another one is gone."""


class Watch:
    """Of one process; a context, within which all processes train.

    Args:
        note_end: called when the training ends because another process is gone.
        measured: called in the first process with the number of another one and what that has told.
    """

    def __init__(
        self, processes: Processes, note_end: Callable[[], object], measured: Callable[[int, dict], object]
    ):  # fmt: skip
        self.processes, self.note_end, self.measured = processes, note_end, measured
        self._released, self._is_over = False, threading.Event()
        self._lines: list[socket.socket] = []
        self._listeners: list[threading.Thread] = []

    def __enter__(self) -> "Watch":
        if self.processes.number > 1:
            self._connect()
        for line in self._lines:
            _probe(line)
            self._listeners.append(threading.Thread(target=self._listen, args=(line,), name="watch", daemon=True))
            self._listeners[-1].start()
        return self

    def _connect(self) -> None:
        processes = self.processes
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        with socket.create_server(("", 0), family=family, dualstack_ipv6=both) as server:
            server.settimeout(CONNECT)
            host = processes.coordinator.rpartition(":")[0] or socket.gethostname()
            address = processes.first([host.strip("[]"), server.getsockname()[1]])
            try:
                if processes.is_first:
                    self._lines = [server.accept()[0] for _ in range(processes.number - 1)]
                else:
                    self._lines = [socket.create_connection(tuple(address), CONNECT)]
            except OSError as error:
                raise UserError(
                    f"{processes} found no way to the first, at {address[0]}, port {address[1]}, which the system"
                    f" chose: {error}. Let the hosts of a training reach each other's ports"
                ) from None
        for line in self._lines:
            line.settimeout(None)
        if not processes.is_first:
            self._say([processes.id, socket.gethostname()])

    def _listen(self, line: socket.socket) -> None:
        """Hears a line to its end."""
        who, number, may_end = "the first process", 0, False
        with suppress(OSError, ValueError), line, line.makefile("rb") as said:  # half a line, of one that died
            if self.processes.is_first:
                number, host = json.loads(said.readline())
                who = f"process {number}, on {host},"
            for text in said:
                kind, values = json.loads(text)
                may_end = may_end or kind in (RELEASED, DONE)
                if kind == MEASURED:
                    self.measured(number, values)
                elif kind == FAILED:
                    self._is_over.wait(SAME_MISTAKE)
        if not may_end and not self._is_over.is_set():
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
        self._say([RELEASED, None])

    def tell(self, values: dict[str, float]) -> None:
        """Tells the first process how busy this one's machine is."""
        self._say([MEASURED, values])

    def _say(self, message: Any) -> None:
        for line in self._lines:
            with suppress(OSError):  # `_listen` notices
                line.sendall(json.dumps(message).encode() + b"\n")

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if self._lines and not self._released and isinstance(error, Exception) and not isinstance(error, UserError):
            time.sleep(LAST_WORDS)  # of a step, because another process is gone: `_end` says so meanwhile
        self._is_over.set()
        self._say([DONE if self._released else FAILED, None])
        if self._released and not self.processes.is_first:
            self._hear_out()  # the first one, whose JAX this one's needs
        for line in self._lines:
            with suppress(OSError):  # cut already
                line.shutdown(socket.SHUT_WR)
        if self.processes.is_first:
            self._hear_out()
        if self._lines and not self._released:
            atexit.register(_leave, getattr(error, "exit_status", getattr(error, "code", 1)))

    def _hear_out(self) -> None:
        for listener in self._listeners:
            listener.join(None if self._released else SAME_MISTAKE + LAST_WORDS)


def _leave(status: int) -> None:
    """Ends this process without JAX's farewell, in which all wait for all."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _probe(line: socket.socket) -> None:
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", PROBE_SECONDS), ("TCP_KEEPINTVL", PROBE_SECONDS), ("TCP_KEEPCNT", PROBES)):
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # without it, no probe is sent as long as something said is on its way
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * PROBE_SECONDS * (PROBES + 1))
