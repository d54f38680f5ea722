"""Which run it is that goes on, and as what."""

from pathlib import Path

import pytest
import yaml

from colorize.config.base import flat
from colorize.config.compose import composed
from colorize.config.schema import Config
from colorize.models.match_parameters import with_matched_fusion
from colorize.runs import layout
from colorize.runs.layout import CHECKPOINTS, save_config
from colorize.training.checkpoint import Checkpoints
from colorize.training.resume import arguments_for, newest_unfinished, resumed
from colorize.training.state import TrainState


@pytest.mark.once
@pytest.mark.parametrize("command", [
    "resume={folder}", "resume={folder} trainer=cpu encoder=efficientnet_lite0",
    "resume=auto trainer=cpu encoder=efficientnet_lite0 hydra.run.dir={folder}",
])  # fmt: skip
def test_a_run_goes_on_where_the_weights_it_began_with_are_not_installed(command, tmp_path, monkeypatch):
    begun = composed(["encoder=efficientnet_lite0"])
    save_config(begun, tmp_path)
    Checkpoints(tmp_path / CHECKPOINTS).save(TrainState().state_dict())
    monkeypatch.setattr("colorize.config.efficientnet.find_spec", lambda name: None)
    overrides = command.format(folder=tmp_path).split()
    assert f"resume={tmp_path}" in arguments_for(overrides, "train")
    assert flat(resumed(tmp_path, overrides).stored()) == flat(begun.stored())


@pytest.mark.once
@pytest.mark.parametrize("own", [[], ["fusion.units=24"]])
def test_auto_asks_for_the_same_sizes_of_a_matched_fusion(own, tmp_path):
    """Those that are matched are found when a run begins; those that the command names are the user's."""
    command = ["fusion=pixel_gru", "fusion.match_parameters_of=row_gru", *own]
    folder = begun(tmp_path, with_matched_fusion(composed(command)), command)

    def found(*overrides: str):
        return newest_unfinished([*overrides, f"hydra.run.dir={tmp_path / 'new'}"], "train")

    assert found(*command) == folder
    assert found(*command[:2], "fusion.units=9") is None
    assert (found(*command[:2]) == folder) is (not own)


def test_what_auto_came_to_is_the_same_run(tmp_path):
    """Of a batch size that was found; and of a run that began before there was augmentation on the device."""
    asked = ["trainer=gpu", "data.batch_size=auto", "data.augmentation.on=auto"]
    folder = begun(tmp_path, composed(["trainer=gpu", "data.batch_size=64", "data.augmentation.on=device"]), asked)

    def found(*overrides: str):
        return newest_unfinished([*overrides, f"hydra.run.dir={tmp_path / 'new'}"], "train")

    assert found(*asked) == folder
    assert found(*asked, "data.augmentation.on=host") is None
    assert found("trainer=gpu", "data.batch_size=32") is None
    on_cpu = begun(tmp_path / "cpu", composed(["data.augmentation.on=host"]), [])
    assert newest_unfinished([f"hydra.run.dir={tmp_path / 'cpu' / 'new'}"], "train") == on_cpu


def begun(place: Path, stored: Config, command: list[str]) -> Path:
    """The folder of a run that has begun with a command, and what it stored."""
    folder = place / "begun"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "1-0.safetensors").touch()
    layout.save_config(stored, folder)
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(command))
    return folder
