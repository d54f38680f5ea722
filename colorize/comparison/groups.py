"""Runs that differ only in seed are one group; what differs between groups gives them their names."""

import json
from dataclasses import dataclass

from colorize.comparison.runs import Run
from colorize.record import flat

NO_DIFFERENCE = (
    "seed", "tracking.", "evaluation.", "data.root", "data.cache", "trainer.strips", "trainer.strip_every",
    "trainer.loader_threads", "trainer.batches_ahead", "trainer.device",
)  # fmt: skip
"""Keys that do not make another experiment of a run."""

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
    return [Group(_label(part, group), group, part) for part, group in zip(differing, members)], left_out


def _settings(run: Run) -> dict:
    values = flat(run.config.model_dump())
    return {key: value for key, value in values.items() if not key.startswith(NO_DIFFERENCE)}


def _differing(settings: list[dict]) -> list[dict[str, str]]:
    keys = dict.fromkeys(key for values in settings for key in values)
    texts = [{key: str(values[key]) if key in values else ABSENT for key in keys} for values in settings]
    wanted = [key for key in keys if len({values[key] for values in texts}) > 1]
    return [{key: values[key] for key in wanted} for values in texts]


def _label(differing: dict[str, str], runs: tuple[Run, ...]) -> str:
    """The names that differ (`fusion=none`), then other keys, but those of parts whose name differs already."""
    if not differing:
        config = runs[0].config
        return f"{config.encoder.name} + {config.fusion.name}"
    named = {key.removesuffix(".name"): value for key, value in differing.items() if key.endswith(".name")}
    others = {key: value for key, value in differing.items() if key.partition(".")[0] not in named}
    return ", ".join([f"{part}={_short(value)}" for part, value in (named | others).items()])


def _short(value: str) -> str:
    """A number that a search has drawn, to four digits."""
    try:
        return value if len(value) < 8 else f"{float(value):.4g}"
    except ValueError:
        return value
