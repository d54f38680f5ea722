"""What an output folder holds, and how its run goes on."""

import os
from pathlib import Path

import pytest

from colorize.config.compose import composed
from colorize.runs.layout import CHECKPOINTS, HYDRAS, LAST, LOCK, remove_if_unused, way_on, with_whole_paths

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


def test_relative_paths_are_those_of_the_working_folder_and_names_stay_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imagenet").mkdir()  # in the way of a name
    given = ["data=folder", "data.root=photos/../photos", "data.cache=kept", "encoder=efficientnet_lite0"]
    config = composed([*given, "evaluation.lpips_weights='~/alex.pth'", "init=pretrained"])
    whole = with_whole_paths(config)
    assert whole.data.root == f"{tmp_path}/photos/../photos" and whole.data.cache == str(tmp_path / "kept")
    assert whole.evaluation.lpips_weights == os.path.expanduser("~/alex.pth")
    assert whole.encoder.weights == "imagenet" and whole.init == "pretrained"
    of_files = composed([*given, "encoder.weights=lite.pth", "init=run"])
    whole = with_whole_paths(of_files)
    assert [whole.encoder.weights, whole.init] == [str(tmp_path / "lite.pth"), str(tmp_path / "run")]
    assert with_whole_paths(whole) == whole and Path(whole.data.root).is_absolute()


def test_of_a_run_that_was_refused_nothing_is_left_and_of_any_other_all(tmp_path):
    for name, kept in ((LOCK, False), ("photos.csv", True), ("notes.txt", True)):
        folder = tmp_path / name
        (folder / HYDRAS).mkdir(parents=True)
        (folder / name).touch()
        remove_if_unused(folder)
        assert folder.exists() == kept
    remove_if_unused(tmp_path / "nowhere")
