"""Configurations that earlier versions stored: the same runs and models in today's keys."""

from copy import deepcopy
from typing import Any

from colorize.config.base import Values

ADDED = {
    "data.min_colorfulness": 5.0,
    "data.max_photos": None,
    "data.fraction": 1.0,
    "data.augmentation.on": "host",
    "data.device_share": 0.0,
    "data.engine": "local",
    "optimizer.accumulate": 1,
    "tracking.every_steps": None,
    "trainer.devices": 1,
    "trainer.hosts": None,
    "trainer.max_minutes": None,
    "trainer.patience": None,
    "trainer.overfit_steps": 0,
    "trainer.profile_steps": 0,
}
"""Keys that earlier versions did not have, with the values that say what those versions did."""


OF_KINDS = {"data.engine": ("folder", "sample")}
"""Keys that some options of a group have alone."""


def upgraded(values: Values) -> Values:
    """Stored values with today's keys; those of this version come back as they are.

    Args:
        values: plain nested values, which are not changed.
    """
    values = deepcopy(values)
    data = values.get("data")
    if isinstance(data, dict) and "drop_grayscale" in data:  # until 0.2.0
        data["grey"] = "drop_exact" if data.pop("drop_grayscale") else "keep"
    for key, value in ADDED.items():
        *sections, name = key.split(".")
        section: Any = values
        for part in sections:
            section = section.get(part) if isinstance(section, dict) else None
        if not isinstance(section, dict) or section.get("name") == "off":  # which has no keys
            continue
        if key not in OF_KINDS or section["name"] in OF_KINDS[key]:
            section.setdefault(name, value)
    return values
