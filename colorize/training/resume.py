"""Where a run begins. In this order:

1. `resume=PATH`: the run in that output folder goes on, from its newest checkpoint that is whole.
2. `resume=auto`: the same with the newest unfinished run of exactly this configuration; where there is none, a new run
   begins, and the screen says so.
3. `init=PATH`: a new run, with the weights of another one where they fit.
4. None of these: a new run, with weights at random.

Neither Keras nor a backend is imported here.
"""

from __future__ import annotations

import csv
from pathlib import Path
from shlex import quote

import yaml

from colorize.backend import Device
from colorize.config.base import flat, options
from colorize.config.compose import changed, compose_by_hydra, composed, is_hydras, parse
from colorize.config.data import place_of_augmentation
from colorize.config.fusion import Fusion
from colorize.config.locate import line_of
from colorize.config.schema import Config
from colorize.data.dataset import Dataset
from colorize.distribution.processes import processes_of
from colorize.errors import UserError, listed
from colorize.runs import layout
from colorize.runs.layout import CHECKPOINTS, CONFIG, HYDRAS, PHOTOS
from colorize.runs.provenance import versions
from colorize.training.checkpoint import Checkpoints

AUTO = "auto"

MAY_CHANGE = ("trainer.epochs", "data.batch_size", "data.augmentation.on")
"""Changes what is learned from here on, and is asked for all the same."""

WITHOUT_EFFECT = (
    "tracking", "evaluation", "trainer.devices", "trainer.hosts", "trainer.max_minutes", "trainer.patience",
    "trainer.profile_steps", "trainer.num_workers", "trainer.prefetch_batches", "trainer.batch_timeout_seconds",
    "trainer.num_visualized_photos", "trainer.visualize_every_epochs", "trainer.checkpoint", "trainer.on_nan",
    "data.root", "data.cache", "data.engine", "data.device_share",
    "data.max_rejected_fraction",
)  # fmt: skip
"""Changes nothing of what is learned. (Photos are known by their content, wherever they lie.)"""

DIGEST = "backbone.sha256"
"""Noted when a run begins; who does not name one means that one."""

GLOBAL_GROUPS = ("experiment", "debug")
"""Their options say something of other groups too, so that they can only be composed whole."""


def refused(before: dict, now: dict) -> list[str]:
    """Lines for what differs between two flat configurations, and may not."""
    return _differences(before, now, (*MAY_CHANGE, *WITHOUT_EFFECT))


def allowed(before: dict, now: dict) -> list[str]:
    """Lines for what differs, may do so, and has an effect."""
    return _differences(before, now, WITHOUT_EFFECT, MAY_CHANGE)


def _differences(before: dict, now: dict, without: tuple[str, ...], among: tuple[str, ...] | None = None) -> list[str]:
    before, now = _settled(before, now), _settled(now, before)
    # Another option of a group has other keys, which its name says; a term of the loss has a label of its own.
    common = [key for key in [*before, *now] if (key in before and key in now) or key.startswith("loss.")]
    without = (*without, *_matched_sizes(before, now))
    keys = [key for key in dict.fromkeys(common) if not _is_of(key, without) and (among is None or _is_of(key, among))]
    sides = {key: [values.get(key, "nothing") for values in (before, now)] for key in keys}
    differing = [key for key, (old, new) in sides.items() if old != new and not (key == DIGEST and new is None)]
    return [f"{key}: {sides[key][0]} in the run, {sides[key][1]} here" for key in differing]


def _settled(values: dict, other: dict) -> dict:
    """What `auto` comes to: a batch size that was found stays, and a GPU augments."""
    comes_to = {
        "data.augmentation.on": place_of_augmentation("auto", values.get("trainer.device", "cpu")),
        "data.batch_size": other.get("data.batch_size", "auto"),
    }
    return {**values, **{key: value for key, value in comes_to.items() if values.get(key) == "auto"}}


def _matched_sizes(before: dict, now: dict) -> list[str]:
    """Keys of a fusion that is sized to another: what they come to is found when the run begins."""
    sized = all(values.get("fusion.match_parameters_of") for values in (before, now))
    kind = options(Fusion).get(before["fusion.name"]) if sized else None
    return [f"fusion.{size}" for size in kind.SIZES] if kind else []


def facts(config: Config, dataset: Dataset, device: Device) -> dict[str, object]:
    """What has an effect on the training and must be the same in each of several processes."""
    of_config = {key: str(value) for key, value in flat(config.stored()).items() if not _is_of(key, WITHOUT_EFFECT)}
    return {"photos": dataset.digest, "devices": device.number, **versions(), **of_config}


def _is_of(key: str, keys: tuple[str, ...]) -> bool:
    return any(key == known or key.startswith(f"{known}.") for known in keys)


def resumed(folder: Path, overrides: list[str]) -> Config:
    """The configuration of a run that goes on: as it was stored, with the overrides that may change.

    The whole command may be given again; then it must come to the same.

    Raises:
        UserError: there is no such run, or something else is asked for than what it was.
    """
    _check_resumable(folder)
    stored = layout.load_config(folder)
    given = [line_of(o) for o in parse(overrides) if o.key_or_group != "resume" and not is_hydras(o)]
    is_whole = any(o.key_or_group in GLOBAL_GROUPS for o in parse(given))
    now = composed([*given, layout.as_override("resume", folder)]) if is_whole else changed(stored, given)
    stored, now = layout.with_whole_paths(stored), layout.with_whole_paths(now)
    faults = [*refused(flat(stored.stored()), flat(now.stored())), *_other_sizes(folder, stored, given)]
    if faults:
        lines = "\n".join(f"  {line}" for line in faults)
        raise UserError(
            f"resume={folder}: a run goes on as what it was, and here something else is asked for:\n{lines}\nOnly"
            f" {', '.join(MAY_CHANGE[:-1])} and {MAY_CHANGE[-1]} may change, and what has no effect on the training."
            f" For a new run with the weights of this one: {quote(layout.as_override('init', folder))}"
        )
    if layout.is_finished(folder, now.trainer):
        without = now.trainer.model_copy(update={"patience": None})
        if not layout.is_finished(folder, without):
            raise UserError(
                f"resume={folder}: this run is finished: it had no patience left (trainer.patience="
                f"{now.trainer.patience}); to train on, ask for more of it, or for trainer.patience=null"
            )
        raise UserError(
            f"resume={folder}: this run is finished, after {stored.trainer.epochs} epochs; to train on, ask for more:"
            f" trainer.epochs={2 * stored.trainer.epochs}"
        )
    return now.model_copy(update={"fusion": stored.fusion})  # with the sizes that were found when it began


def _other_sizes(folder: Path, stored: Config, given: list[str]) -> list[str]:
    """Lines for sizes that are asked for here, and were not when a fusion was sized to another."""
    new = sorted(_sizes_asked(stored, given) - _sizes_asked(stored, _began_with(folder)))
    return [f"{line}: not asked for when the run began" for line in new]


def _began_with(folder: Path) -> list[str]:
    """The overrides of the command that began a run."""
    file = folder / HYDRAS / "overrides.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else []


def _sizes_asked(config: Config, overrides: list[str]) -> set[str]:
    """The overrides that fix sizes of a fusion whose other sizes are matched to another."""
    if config.fusion.match_parameters_of is None:
        return set()
    keys = [f"fusion.{size}" for size in config.fusion.SIZES]
    return {line_of(o).lstrip("+") for o in parse(overrides) if o.key_or_group in keys}


def _check_resumable(folder: Path) -> None:
    if not folder.is_dir():
        raise UserError(f"resume: there is no folder {folder}; expected the output folder of a run, or auto")
    if not (folder / CONFIG).is_file():
        raise UserError(f"resume={folder}: no run was begun there ({CONFIG} is missing)")
    if not _saved(folder):
        raise UserError(f"resume={folder}: no checkpoint was kept there; begin anew, without resume")


def has_checkpoint(folder: Path) -> bool:
    """Whether a run was begun in a folder, and a checkpoint of it was kept."""
    return (folder / CONFIG).is_file() and bool(_saved(folder))


def _saved(folder: Path) -> list[Path]:
    return Checkpoints(folder / CHECKPOINTS).paths()


def check_photos(folder: Path, dataset: Dataset) -> None:
    """Refuses to go on with other photos than before; a photo is its content, whatever it is called.

    Raises:
        UserError: naming what is missing, and what is new.
    """
    if not (folder / PHOTOS).exists() or not dataset.manifest.records:
        return
    with open(folder / PHOTOS, newline="", encoding="utf-8") as file:
        before = {row["sha256"]: (row["split"], row["name"]) for row in csv.DictReader(file)}
    now = {v.sha256: (v.split, v.name) for v in dataset.manifest.records}
    missing = _seen_in_training(before, now)
    added = _seen_in_training(now, before)
    if missing or added:
        differences = [f"{what}: {listed(names)}" for what, names in (("missing", missing), ("new", added)) if names]
        raise UserError(
            f"resume={folder}: the photos are not those that the run began with: {'; '.join(differences)}. Bring them"
            f" back, or begin a new run, perhaps with the weights of this one: init={folder}"
        )


def _seen_in_training(photos: dict, others: dict) -> list[str]:
    """Names of the photos of train and val that are not in the same part of the others."""
    return [
        name
        for content, (part, name) in photos.items()
        if part in ("train", "val") and others.get(content, ("",))[0] != part
    ]


def newest_unfinished(overrides: list[str], name: str) -> Path | None:
    """The output folder, beside or at the one that a new run would get, whose run is the same and unfinished."""
    config = layout.with_whole_paths(composed([*overrides, f"resume={AUTO}"], name))
    now = flat(config.stored())
    place = Path(compose_by_hydra(name, overrides).hydra.run.dir).resolve()
    folders = [folder for folder in [place, *place.parent.glob("*")] if folder.is_dir() and _saved(folder)]
    same = [folder for folder in folders if _is_same(folder, now, overrides)]
    unfinished = [folder for folder in same if not layout.is_over(folder, config.trainer)]
    is_first = processes_of(config.trainer.hosts).is_first  # else the first one may have begun already
    idle = [folder for folder in unfinished if not is_first or not layout.is_in_use(folder)]
    return max(idle, key=lambda folder: max(path.stat().st_mtime for path in _saved(folder)), default=None)


def _is_same(folder: Path, now: dict, overrides: list[str]) -> bool:
    try:
        stored = layout.with_whole_paths(layout.load_config(folder))
    except (UserError, OSError):
        return False
    before = flat(stored.stored())
    if before["data.root"] != now["data.root"] or _differences(before, now, WITHOUT_EFFECT):
        return False
    return _sizes_asked(stored, _began_with(folder)) == _sizes_asked(stored, overrides)


def arguments_for(overrides: list[str], name: str) -> list[str]:
    """What Hydra is to be told so that a run goes on: the same overrides, and the folder; or to begin a new one.

    Raises:
        UserError: the run cannot go on.
    """
    given = [override for override in parse(overrides) if override.key_or_group == "resume"]
    others = [line_of(o) for o in parse(overrides) if o.key_or_group != "resume"]
    elsewhere = [line for line in others if not line.lstrip("+").startswith("hydra.run.dir=")]
    if given[-1].value() is None:
        return others
    wanted = str(given[-1].value())
    if wanted == AUTO:
        found = newest_unfinished(others, name)
        if found is None:
            print("resume=auto: no unfinished run of this configuration was found; a new one begins", flush=True)
            return others
        print(f"resume=auto: {found} goes on", flush=True)
        return [*elsewhere, *_into(found)]
    resumed(Path(wanted).resolve(), others)
    return [*elsewhere, *_into(Path(wanted).resolve())]


def _into(folder: Path) -> list[str]:
    places = [layout.as_override(key, folder) for key in ("resume", "hydra.run.dir")]
    return [*places, "hydra.output_subdir=null"]
