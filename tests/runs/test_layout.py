"""What an output folder holds, and how its run goes on."""

import pytest

from colorize.runs.layout import CHECKPOINTS, LAST, way_on

pytestmark = pytest.mark.once


def test_who_has_made_space_is_told_what_there_is_to_go_on_from(tmp_path):
    assert way_on(tmp_path) == "begin again: nothing of it could be kept"
    (tmp_path / CHECKPOINTS).mkdir()
    assert way_on(tmp_path).startswith("begin again")
    (tmp_path / LAST).touch()
    assert way_on(tmp_path).endswith(f"train.py init={tmp_path / LAST}")
    (tmp_path / CHECKPOINTS / "12-0123456789abcdef.safetensors").touch()
    assert way_on(tmp_path).endswith(f"train.py resume={tmp_path}")
    (tmp_path / "file").touch()
    assert "if one was kept" in way_on(tmp_path / "file"), "where it cannot be looked at"
