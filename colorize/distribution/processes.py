"""Processes that train one network together, mostly one on each of several hosts: who they are, and that they agree.

On JAX alone. All of them go through the same program, step by step; the first one writes, tracks and talks.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from colorize.distribution.cards import visible_cards
from colorize.errors import UserError, first_line

PORT = 9700
"""On which the first host waits for the others, where no other is given."""

ADDRESSES, NUMBER, ID = (f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"))
SLURM_NUMBER, SLURM_ID = "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"
"""Of a step of Slurm's (`srun`)."""
SLURM_TASKS_PER_NODE, SLURM_LOCAL_ID = "SLURM_STEP_TASKS_PER_NODE", "SLURM_LOCALID"


@dataclass(frozen=True)
class Processes:
    """All of them, and which one this is.

    Attributes:
        coordinator: HOST:PORT of the first; empty: JAX asks Slurm.
        number: how many there are.
        id: of this one, from 0.
    """

    coordinator: str = ""
    number: int = 1
    id: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this one writes, tracks and talks."""
        return self.id == 0

    def own(self, number: int) -> slice:
        """Which of so many rows are this one's."""
        each = number // self.number
        return slice(self.id * each, (self.id + 1) * each) if self.number > 1 else slice(None)

    def join(self) -> None:
        """Waits for the others, once; before anything else of JAX's.

        Raises:
            UserError: they did not come.
        """
        if self.number == 1:
            return
        import jax

        if jax.distributed.is_initialized():
            return
        jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM, which is ours
        jax.config.update("jax_cpu_enable_async_dispatch", False)  # two collectives at once can meet the wrong ones
        try:
            given = {"coordinator_address": self.coordinator, "num_processes": self.number, "process_id": self.id}
            known: dict[str, Any] = given if self.coordinator else {}  # else JAX asks Slurm
            jax.distributed.initialize(local_device_ids=own_cards(), **known)  # as Keras does, but for the cards
        except Exception as error:
            raise UserError(
                f"{self} did not find the others at {self.coordinator or 'the place that Slurm names'}:"
                f" {first_line(error)}. Start all of them within five minutes, and let this port be open"
            ) from None

    def greatest(self, value: int) -> int:
        """Of what each process has; all wait for it."""
        if self.number == 1:
            return value
        from jax.experimental import multihost_utils

        return int(np.max(multihost_utils.process_allgather(np.int32(value))))

    def first(self, value: Any) -> Any:
        """What the first process has, of what JSON can say; all wait for it."""
        if self.number == 1:
            return value
        from jax.experimental import multihost_utils

        text = np.frombuffer(json.dumps(value).encode(), "uint8")
        length = int(multihost_utils.broadcast_one_to_all(np.int32(len(text))))
        room = 1 << length.bit_length()  # a few sizes, each compiled once
        told = multihost_utils.broadcast_one_to_all(np.resize(text, room))
        return json.loads(np.asarray(told, "uint8")[:length].tobytes())

    def check_same(self, facts_of: Callable[[], dict[str, Any]]) -> None:
        """Looks whether all processes have the same facts, and ends all of them where one does not.

        Args:
            facts_of: called where there are others.
        Raises:
            UserError: on each process.
        """
        if self.number == 1:
            return
        facts = facts_of()
        theirs = self.first(facts)
        differing = [key for key in {**theirs, **facts} if theirs.get(key) != facts.get(key)]
        worst = self.greatest(self.id if differing else 0)
        if differing:
            lines = "".join(f"\n  {key}: {facts.get(key)} here, {theirs.get(key)} there" for key in differing)
            raise UserError(f"{self} on {socket.gethostname()} differs from the first, on another host:{lines}")
        if worst:
            raise UserError(f"process {worst} of {self.number} differs from the first; it says in what")

    def __str__(self) -> str:
        return f"process {self.id} of {self.number}"


ALONE = Processes()


def processes_of(hosts: Sequence[str] | None) -> Processes:
    """Those that the environment names: Keras's variables, else a step of Slurm's; or else `trainer.hosts`.

    Raises:
        UserError: it cannot be said which of them this one is.
    """
    addresses = [address for address in os.environ.get(ADDRESSES, "").split(",") if address] or list(hosts or ())
    number = int(os.environ.get(NUMBER) or len(addresses) or os.environ.get(SLURM_NUMBER) or 1)
    if number == 1:
        return ALONE
    known = os.environ.get(ID) or (os.environ.get(SLURM_ID) if not addresses else None)
    own = _id_among(addresses) if not known else int(known) if known.isdigit() else -1
    if not 0 <= own < number:
        raise UserError(f"{ID}={known}: expected 0 to {number - 1}, one for each of {number} processes")
    return Processes(_with_port(addresses[0]) if addresses else "", number, own)


def own_cards() -> list[int] | None:
    """Which of the cards that it sees are this process's, by their place among them; None: all.

    Where several tasks of a step of Slurm's run on a node and each sees more than one card, each has that of its
    number; JAX would take that number even where a task sees one card alone, or is alone on its node.
    """
    tasks = os.environ.get(SLURM_TASKS_PER_NODE, "1").partition("(")[0].partition(",")[0]
    cards = len(visible_cards())
    if cards > 1 and int(tasks) > 1:
        return [int(os.environ.get(SLURM_LOCAL_ID, "0"))]
    return list(range(cards)) or None


def _id_among(addresses: Sequence[str]) -> int:
    """Which of some addresses is this machine's.

    Raises:
        UserError: none or more than one is.
    """
    here = {address.address for each in psutil.net_if_addrs().values() for address in each}
    own = [number for number, address in enumerate(addresses) if here & _resolved(address)]
    if len(own) != 1:
        what = "none of them is" if not own else f"{len(own)} of them are"
        raise UserError(
            f"trainer.hosts=[{','.join(addresses)}]: {what} this machine's; say which process this one is:"
            f" {ID}=0 for the first, 1 for the second and so on"
        )
    return own[0]


def _resolved(address: str) -> set[str]:
    host = _with_port(address).rpartition(":")[0].strip("[]")
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:
        return set()


def _with_port(address: str) -> str:
    return address if address.rpartition(":")[2].isdigit() and ":" in address else f"{address}:{PORT}"
