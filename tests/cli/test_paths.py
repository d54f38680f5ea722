"""Paths as people have them reach the configuration as they stand."""

import shlex

import pytest
from messages import refused

from colorize.cli.command_line import check_command_line
from colorize.cli.paths import quote_path
from colorize.config.compose import composed
from colorize.config.messages import Refusal

pytestmark = pytest.mark.once

AS_THEY_STAND = [
    "Küste", "写真", "a (1)", "a(1)", "2024", "a=b", "a,b", "l'été", "a#b", "true", "[a]", "{a}", 'a"b', "a: b", " a",
    "C:\\x", "a\\b (1)", "a (1)\\", 'a\\"b (', "a (\\\\", "*a", "choice(1,2)",
]  # fmt: skip


@pytest.mark.parametrize("path", AS_THEY_STAND)
def test_a_path_is_read_as_it_stands(path):
    (argument,) = check_command_line(["data=folder", f"data.root={path}"])[1:]
    assert composed(["data=folder", argument]).data.root == path
    assert composed(["data=folder", quote_path(argument)]).data.root == path


def test_the_home_folder_is_that_of_the_user(monkeypatch):
    monkeypatch.setenv("HOME", "/somebody")
    assert quote_path("resume=~/run") == "resume=/somebody/run"
    assert quote_path("data.root='~/run'") == "data.root='~/run'"


@pytest.mark.parametrize("argument", ["data.root=null", "data.root=${data.cache}", 'init="a (1)"', "seed=(1)", "init="])
def test_what_is_no_bare_path_stays(argument):
    assert quote_path(argument) == argument


def test_in_a_sweep_a_comma_parts_two_folders_unless_one_is_called_so(tmp_path):
    both = f"data.root={tmp_path}/a,{tmp_path}/b"
    assert quote_path(both, is_sweep=True) == both
    (tmp_path / "a,b").mkdir()
    one = f"data.root={tmp_path}/a,b"
    assert quote_path(one, is_sweep=True) == f"data.root='{tmp_path}/a,b'"


def test_a_folder_without_its_kind_of_data_is_refused_with_the_line_to_type():
    with refused("data.root.without_kind", Refusal):
        composed(['data.root="/photos (1)"'])
    assert composed(["data=sample", "data.root=/photos"]).data.name == "sample"  # laid out like it: asked for
    assert composed(["experiment=photos", "data.root=/photos"]).data.name == "folder"
    assert composed(["data.root=null"]).data.name == "sample"


def test_a_folder_in_the_place_of_a_kind_of_data_gets_the_line_to_type(tmp_path):
    for path in (str(tmp_path), "./no/such folder"):
        with pytest.raises(Refusal) as raised:
            composed([f"data={path}"])
        assert raised.value.problems[0].nearest == f"data=folder {shlex.quote(f'data.root={path}')}"
