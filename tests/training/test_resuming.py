"""Which run it is that goes on."""

import pytest
import yaml

from colorize.config.compose import composed
from colorize.models.match_parameters import with_matched_fusion
from colorize.runs import layout
from colorize.training.resume import newest_unfinished


@pytest.mark.once
@pytest.mark.parametrize("own", [[], ["fusion.units=24"]])
def test_auto_asks_for_the_same_sizes_of_a_matched_fusion(own, tmp_path):
    """Those that are matched are found when a run begins; those that the command names are the user's."""
    command = ["fusion=pixel_gru", "fusion.match_parameters_of=row_gru", *own]
    folder = tmp_path / "begun"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "1-0.safetensors").touch()
    layout.save_config(with_matched_fusion(composed(command)), folder)
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(command))

    def found(*overrides: str):
        return newest_unfinished([*overrides, f"hydra.run.dir={tmp_path / 'new'}"], "train")

    assert found(*command) == folder
    assert found(*command[:2], "fusion.units=9") is None
    assert (found(*command[:2]) == folder) is (not own)
