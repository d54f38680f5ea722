"""A value that is wrong in a file is found there, with its line."""

import pytest
from refusals import copied_configs, keys_of, nearest_of, refusal

from colorize.config.base import groups

pytestmark = pytest.mark.once

# Without the alias, which has no values of its own.
WITH_VALUES = [(group, option) for group, options in groups().items() for option in options if option != "seed"]


@pytest.mark.parametrize(("group", "option"), WITH_VALUES)
def test_a_typo_in_a_group_file_is_found_there(group, option, tmp_path, monkeypatch):
    copy = copied_configs(tmp_path, monkeypatch)
    file = copy / group / f"{option}.yaml"
    lines = file.read_text().splitlines()
    # The last value of the file (but for Hydra's own), its key with two letters swapped: epochs -> epohcs.
    ours = next((n for n, line in enumerate(lines) if line.startswith("hydra:")), len(lines))
    number, line = [(n, line) for n, line in enumerate(lines[:ours], start=1) if ":" in line and line[0] != "#"][-1]
    key = line.strip().partition(":")[0]
    typo = f"{key[:-2]}{key[-1]}{key[-2]}"
    lines[number - 1] = line.replace(key, typo, 1)
    file.write_text("\n".join(lines))
    refused_with = refusal(f"{group}={option}")
    assert typo in str(refused_with)
    if key == "name":  # where that is missing, nothing is known of the rest
        assert keys_of(refused_with) == nearest_of(refused_with) == [f"{group}.name"]
    else:
        (found,) = [problem for problem in refused_with.problems if problem.key.rpartition(".")[2] == typo]
        assert found.nearest.endswith(f".{key}")
        assert f"{file.relative_to(tmp_path)}, line {number}" in str(refused_with)


@pytest.mark.parametrize("file", ["experiment/mine.yaml", "debug/mine.yaml", "train.yaml"])
def test_a_typo_in_a_file_of_the_whole_configuration_is_found_there(file, tmp_path, monkeypatch):
    copy = copied_configs(tmp_path, monkeypatch)
    path = copy / file
    before = path.read_text() if path.exists() else "# @package _global_\n"
    path.write_text(before + "trainer:\n  epoch: 3\n")
    refused_with = refusal(*([f"{path.parent.name}=mine"] if "/" in file else []))
    assert keys_of(refused_with) == ["trainer.epoch"] and nearest_of(refused_with) == ["trainer.epochs"]
    assert f"{path.relative_to(tmp_path)}, line {len(path.read_text().splitlines())}" in str(refused_with)


def test_a_value_that_an_option_inherits_is_found_where_it_was_written(tmp_path, monkeypatch):
    file = copied_configs(tmp_path, monkeypatch) / "loss/l2.yaml"  # l2_unweighted begins with it
    file.write_text(file.read_text().replace("weight: 1.0 ", "weight: -1 "))
    line = next(number for number, line in enumerate(file.read_text().splitlines(), start=1) if "weight: -1" in line)
    refused_with = refusal("loss=l2_unweighted")
    assert keys_of(refused_with) == ["loss.l2.weight"]
    assert f"configs/loss/l2.yaml, line {line}" in str(refused_with)
