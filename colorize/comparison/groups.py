"""Runs that differ only in seed are one group; what differs between groups gives them their names."""

import json
from dataclasses import dataclass
from pathlib import Path

from colorize.comparison.runs import Run
from colorize.config.base import flat

NO_DIFFERENCE = (
    "seed", "tracking.", "evaluation.", "data.root", "data.cache", "trainer.num_visualized_photos",
    "trainer.visualize_every_epochs", "trainer.max_minutes", "trainer.num_workers", "trainer.prefetch_batches",
    "trainer.device",
)  # fmt: skip
"""Keys that do not make another experiment of a run."""

FILES = ("encoder.weights", "backbone.weights")
"""Keys that may name one."""

ABSENT = "-"


@dataclass(frozen=True)
class Group:
    """Runs of one configuration.

    Attributes:
        label: what is different in it, in short.
        runs: by seed.
        differing: dotted key -> value, of the keys that differ between groups.
    """

    label: str
    runs: tuple[Run, ...]
    differing: dict[str, str]

    @property
    def seeds(self) -> tuple[int, ...]:
        """One for each run."""
        return tuple(run.config.seed for run in self.runs)


def group_runs(runs: list[Run]) -> tuple[list[Group], list[str]]:
    """Groups in the order in which they first appear, and sentences about runs that were left out.

    Of two runs with the same configuration and the same seed, which say the same thing twice, the later counts.
    """
    settings = {run.name: _settings(run) for run in runs}
    collected: dict[str, dict[int, Run]] = {}
    left_out = []
    for run in runs:
        group = collected.setdefault(json.dumps(settings[run.name], sort_keys=True), {})
        if run.config.seed in group:
            earlier = group[run.config.seed].name
            left_out.append(f"{earlier} is left out: {run.name} has the same configuration and seed.")
        group[run.config.seed] = run
    members = [tuple(group[seed] for seed in sorted(group)) for group in collected.values()]
    differing = _differing([settings[group[0].name] for group in members])
    labels = _labels(differing, members)
    return [Group(*parts) for parts in zip(labels, members, differing)], left_out


def _settings(run: Run) -> dict:
    values = flat(run.config.model_dump()) | {"data.digest": run.data_digest}
    for key in FILES:  # the same file may lie elsewhere on another machine
        if isinstance(values.get(key), str):
            values[key] = Path(values[key]).name
    return {key: value for key, value in values.items() if not key.startswith(NO_DIFFERENCE)}


def _differing(settings: list[dict]) -> list[dict[str, str]]:
    keys = dict.fromkeys(key for values in settings for key in values)
    texts = [{key: str(values[key]) if key in values else ABSENT for key in keys} for values in settings]
    wanted = [key for key in keys if len({values[key] for values in texts}) > 1]
    return [{key: values[key] for key in wanted} for values in texts]


def _labels(differing: list[dict[str, str]], members: list[tuple[Run, ...]]) -> list[str]:
    """A name for each group, no two alike."""
    for shorten in (_short, str):
        labels = [_label(part, differing, runs, shorten) for part, runs in zip(differing, members)]
        if len(set(labels)) == len(labels):
            break
    return labels


def _label(differing: dict[str, str], of_all: list[dict[str, str]], runs: tuple[Run, ...], shorten) -> str:
    """What differs, in short: `fusion=none`, and of two with the same fusion what else is different in it."""
    if not differing:
        config = runs[0].config
        return f"{config.encoder.name} + {config.fusion.name}"
    words = {}
    for key, value in differing.items():
        name = f"{key.partition('.')[0]}.name"
        alike = [other for other in of_all if other.get(name) == differing.get(name)]
        if key == name or len({other[key] for other in alike}) > 1:
            words[key.removesuffix(".name")] = shorten(value)
    return ", ".join(f"{key}={value}" for key, value in words.items())


def _short(value: str) -> str:
    """A number that a search has drawn, to four digits."""
    try:
        return value if len(value) < 8 else f"{float(value):.4g}"
    except ValueError:
        return value
