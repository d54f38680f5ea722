"""What each group costs: parameters, speed, memory."""

import numpy as np

from colorize.comparison.groups import Group

HEADER = ("", "parameters", "of the fusion", "images per second", "memory of the GPU")


def cost_rows(groups: list[Group]) -> list[list[str]]:
    """A row per group under `HEADER`, the mean over its runs; empty where a run does not say.

    Speed is that of training, as `result.json` has it: of runs on different machines, or beside other work, it says
    nothing.
    """
    return [[group.label, *_of(group)] for group in groups]


def _of(group: Group) -> list[str]:
    names = ("parameters", "frozen_parameters", "fusion_parameters", "images_per_second", "peak_memory_bytes")
    parameters, frozen, fusion, speed, memory = [_mean(group, name) for name in names]
    beside = f" + {frozen:,.0f} frozen" if frozen else ""
    size = _shown(parameters) + beside
    return [size, *[_shown(value) for value in (fusion, speed)], _shown(memory and memory / 2**20, " MiB")]


def _mean(group: Group, name: str) -> float | None:
    values = [run.result.get(name) for run in group.runs]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _shown(value: float | None, unit: str = "") -> str:
    return "" if value is None else f"{value:,.0f}{unit}"
