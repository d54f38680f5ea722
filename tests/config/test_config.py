"""Every way of being wrong on the command line or in a file is refused, by name, early and with status 2."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from colorize.cli.command_line import check_command_line
from colorize.config import base, compose
from colorize.config.base import CONFIGS, PROJECT, groups
from colorize.config.compose import composed
from colorize.config.schema import dump, from_stored, load
from colorize.errors import UserError
from colorize.runs.layout import resume_command

pytestmark = pytest.mark.once

OPTIONS = [(group, option) for group, options in groups().items() for option in options]
WITH_VALUES = [(group, option) for group, option in OPTIONS if option != "seed"]
"""Without the alias, which has none of its own."""
TYPOS = {
    "data.heigth=32": "data.height",
    "data.augmentation.flips=1": "data.augmentation.flip_probability",
    "encoder.filter=[8]": "encoder.filters",
    "fusion.unit=8": "fusion.units",
    "decoder.droput=0.2": "decoder.dropout",
    "loss.smooth_l1.dleta=2": "loss.smooth_l1.delta",
    "optimizer.learning_rat=0.1": "optimizer.learning_rate",
    "trainer.epohcs=3": "trainer.epochs",
    "evaluation.percpetual=true": "evaluation.perceptual",
    "tracking.url=x": "tracking.uri",
    "sed=3": "seed",
}


def refusal(*overrides) -> str:
    with pytest.raises(UserError) as error:
        composed(list(overrides))
    return str(error.value)


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_of_every_group_composes(group, option):
    head = ["head=bins"] if option.startswith("cross_entropy") else []
    assert composed([*head, f"{group}={option}"]).backend == "tensorflow"


def test_the_groups_are_those_that_readme_and_help_name():
    named = ["data", "encoder", "backbone", "fusion", "decoder", "head", "loss", "optimizer", "trainer"]
    named += ["evaluation", "tracking", "experiment", "debug"]
    assert sorted(groups()) == sorted(named)


def test_an_experiment_may_be_a_sweep_and_every_job_of_it_is_checked(capsys):
    arguments = ["-m", "experiment=fusion_ablation"]
    assert check_command_line(arguments) == arguments
    with pytest.raises(SystemExit):
        check_command_line([*arguments, "fusion.stride=3"])
    assert "leaves a map (2, 4)" in capsys.readouterr().err
    assert check_command_line([*arguments, "fusion=none,conv", "fusion.stride=2"])


def test_what_an_earlier_version_stored_is_refused(tmp_path):
    values = yaml.safe_load(dump(composed(["decoder.dropout=0.2"])))
    del values["loss"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(UserError, match="was written by another version of colorize"):
        load(tmp_path / "config.yaml")


@pytest.mark.parametrize("prefix", ["", "+", "++"])
@pytest.mark.parametrize("typo", TYPOS)
def test_a_typo_is_refused_with_the_nearest_name(typo, prefix):
    message = refusal(prefix + typo)
    assert f"command line: {prefix}{typo}" in message
    assert f"nearest   {TYPOS[typo]}" in message


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
    message = refusal(f"{group}={option}")
    assert typo in message
    if key == "name":  # where that is missing, nothing is known of the rest
        assert f"nearest   {group}.name" in message
    else:
        assert f".{key}" in message.partition("nearest")[2]
        assert f"{file.relative_to(tmp_path)}, line {number}" in message


@pytest.mark.parametrize("file", ["experiment/mine.yaml", "debug/mine.yaml", "train.yaml"])
def test_a_typo_in_a_file_of_the_whole_configuration_is_found_there(file, tmp_path, monkeypatch):
    copy = copied_configs(tmp_path, monkeypatch)
    path = copy / file
    before = path.read_text() if path.exists() else "# @package _global_\n"
    path.write_text(before + "trainer:\n  epoch: 3\n")
    message = refusal(*([f"{path.parent.name}=mine"] if "/" in file else []))
    assert "nearest   trainer.epochs" in message
    assert f"{path.relative_to(tmp_path)}, line {len(path.read_text().splitlines())}" in message


def test_a_value_that_an_option_inherits_is_found_where_it_was_written(tmp_path, monkeypatch):
    file = copied_configs(tmp_path, monkeypatch) / "loss/l2.yaml"  # l2_unweighted begins with it
    file.write_text(file.read_text().replace("weight: 1.0 ", "weight: -1 "))
    line = next(number for number, line in enumerate(file.read_text().splitlines(), start=1) if "weight: -1" in line)
    assert f"configs/loss/l2.yaml, line {line}" in refusal("loss=l2_unweighted")


def copied_configs(tmp_path: Path, monkeypatch) -> Path:
    copy = tmp_path / "configs"
    for path in CONFIGS.rglob("*.yaml"):
        target = copy / path.relative_to(CONFIGS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    monkeypatch.setattr(base, "CONFIGS", copy)
    return copy


@pytest.mark.parametrize(
    ("override", "expected", "received"),
    [
        ("trainer.epochs=many", "a valid integer", "'many'"),
        ("trainer.epochs=1.5", "a valid integer", "1.5"),
        ("trainer.epochs=true", "a valid integer", "True"),
        ("trainer.epochs=0", "greater than or equal to 1", "0"),
        ("trainer.epochs=null", "a valid integer", "None"),
        ("optimizer.learning_rate=-1", "greater than 0", "-1"),
        ("optimizer.learning_rate=nan", "a finite number", "nan"),
        ("decoder.dropout=1.0", "less than 1", "1.0"),
        ("encoder.filters=[]", "at least 1 item", "[]"),
        ("encoder.filters=[8,-1]", "greater than or equal to 1", "-1"),
        ("trainer.precision=float16", "'float32' or 'mixed_bfloat16'", "'float16'"),
        ("data.root=3", "a valid string", "3"),
        ("seed=-1", "greater than or equal to 0", "-1"),
        ("seed=4294967296", "less than 4294967296", "4294967296"),
        ("backend=tensorfow", "'tensorflow' or 'jax'", "'tensorfow'"),
        ("fusion.merge_modes=[sum,concat]", "'sum' or 'concatenate'", "'concat'"),
        ("~trainer.epochs", "a value", "nothing"),
        ("encoder.name=resnet", "one of 'question', 'pyramid'", "'resnet'"),
    ],
)
def test_a_wrong_value_says_what_was_expected_and_received(override, expected, received):
    message = refusal(override)
    assert expected in message.partition("expected")[2]
    assert received in message.partition("received")[2]


def test_the_nearest_of_some_choices_is_named():
    assert "nearest   tensorflow" in refusal("backend=tensorfow")
    assert "nearest   encoder=pyramid" in refusal("encoder=pyramd")
    assert "nearest   concatenate" in refusal("fusion.merge_modes=[sum,concat]")


@pytest.mark.parametrize("group", groups())
def test_an_unknown_option_lists_those_there_are(group):
    message = refusal(f"{group}=nonsense")
    assert all(option in message for option in groups()[group])


@pytest.mark.parametrize(
    ("overrides", "numbers"),
    [
        (["data.height=65"], ["65", "8"]),
        (["data.width=100"], ["100", "8"]),
        (["fusion.mapping=reshape", "fusion.units=10"], ["128", "20"]),
        (["fusion.combine=add"], ["64", "8"]),
        (["experiment=question", "fusion.mapping=reshape", "fusion.units=15"], ["32", "30"]),
    ],
)
def test_impossible_combinations_name_both_numbers(overrides, numbers):
    message = refusal(*overrides)
    assert all(number in message for number in numbers)


def test_all_problems_are_told_at_once():
    message = refusal("data.height=65", "data.width=100")
    assert "data.height" in message and "data.width" in message


@pytest.mark.parametrize("override", ["trainer.epochs", "=3", "a b=c"])
def test_what_is_no_override_is_refused(override):
    assert repr(override) in refusal(override)


@pytest.mark.parametrize(
    "typo", ["hydra.run.dri=x", "+hydra.run.dri=x", "++hydra.run.dri=x", "++hydra.jobs.chdir=true"]
)
def test_a_typo_in_hydras_own_keys_is_refused_too(typo):
    nearest = {"hydra.run.dri": "hydra.run.dir", "hydra.jobs.chdir": "hydra.job"}[typo.lstrip("+").partition("=")[0]]
    assert f"nearest   {nearest}" in refusal(typo)
    assert composed(["++hydra.job.env_set.NAME=1", "hydra.run.dir=x"]), "and what Hydra has is not"


def test_a_plus_before_what_exists_is_taken_off_for_hydra():
    arguments = ["+trainer.epochs=3", "++fusion=none", "seed=2", "+hydra.job.env_set.A=1", "-m"]
    assert check_command_line(arguments) == [
        "trainer.epochs=3",
        "fusion=none",
        "seed=2",
        "+hydra.job.env_set.A=1",
        "-m",
    ]


@pytest.mark.parametrize("option", ["null", "[row_gru,none]"])
@pytest.mark.parametrize("group", ["fusion", "experiment"])
def test_no_option_and_several_options_are_refused(group, option):
    assert f"one of the options of {group}" in refusal(f"{group}={option}")


@pytest.mark.parametrize("sweep", ["trainer.epochs=interval(1,3)", "seed=glob(*)"])
def test_a_sweep_without_values_is_refused(sweep, capsys):
    with pytest.raises(SystemExit) as ended:
        check_command_line(["-m", sweep])
    assert ended.value.code == 2
    assert sweep in capsys.readouterr().err


def test_several_values_need_a_sweep():
    assert "-m" in refusal("seed=1,2")


def test_a_sweep_is_checked_before_its_first_job(capsys):
    with pytest.raises(SystemExit) as ended:
        check_command_line(["-m", "seed=1,2", "fusion=row_gru,nome"])
    assert ended.value.code == 2
    assert "nearest   fusion=none" in capsys.readouterr().err


def test_a_good_sweep_passes():
    check_command_line(["-m", "seed=1,2", "fusion=row_gru,none"])


def test_a_refusal_ends_with_status_2_before_a_backend_is_imported():
    program = (
        "import sys; from colorize.cli.command_line import check_command_line\n"
        "try: check_command_line(['trainer.epohcs=3'])\n"
        "finally: print([m for m in ('tensorflow', 'jax', 'keras', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 2
    assert done.stdout.strip() == "[]"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda p: str(p.relative_to(CONFIGS)))
def test_a_file_begins_with_what_it_is(path):
    comments = [line for line in path.read_text().splitlines()[:2] if line != "# @package _global_"]
    assert comments[0].startswith("# ")


def test_a_stored_configuration_reads_back_the_same(tmp_path):
    config = composed(["experiment=question"])
    (tmp_path / "config.yaml").write_text(dump(config))
    assert load(tmp_path / "config.yaml") == config
    assert yaml.safe_load(dump(config))["data"]["height"] == 32


def test_the_command_line_wins_over_an_experiment():
    assert composed(["experiment=question", "trainer.epochs=7"]).trainer.epochs == 7


@pytest.mark.parametrize("data", ["sample", "folder", "cifar10"])
def test_gpu_brings_mixed_precision_and_changes_no_data(data):
    config = composed([f"data={data}", "trainer=gpu"])
    assert config.data == composed([f"data={data}"]).data
    assert config.trainer.precision == "mixed_bfloat16"


ODD = ["a", "m\u00fcller", "a (1)", "seed=1", "a,b", "it's", '"q"', "b\\c d", "end\\", "x\\'y", "$x"]


@pytest.mark.parametrize("name", ODD)
def test_a_command_that_is_printed_is_read_as_it_was_meant(name):
    python, program, override = shlex.split(resume_command(Path("/tmp", name)))
    (parsed,) = compose.parse([override])
    assert (python, program, parsed.key_or_group, parsed.value()) == ("python", "train.py", "resume", f"/tmp/{name}")


@pytest.mark.parametrize("module", ["training.resume", "cli.train", "cli.command_line", "hub", "__main__", "data.load"])
def test_what_is_quick_comes_before_keras(module):
    program = f"import sys, colorize.{module} as _; print([m for m in ('keras', 'mlflow', 'jax') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT)
    assert done.stdout == "[]\n", done.stderr


def test_names_that_are_none_and_labels_that_cannot_be_are_reported():
    assert "encoder.name" in refusal("encoder.name=[a]") and "['a']" in refusal("encoder.name=[a]")
    for label in ("terms", "__base__", "Two Words", "copy"):
        values = composed([]).stored() | {"loss": {label: {"name": "l1", "weight": 1.0, "chroma_weight": 0.0}}}
        with pytest.raises(UserError, match="a label of small letters"):
            from_stored(values, "there")


def test_a_fusion_that_never_reaches_the_head_is_refused_however_it_is_joined():
    finer = ["fusion.stride=2", "decoder.output_stride=4", "head=bins"]
    for more in ([], ["fusion.combine=add", "fusion.channels=16"]):
        assert "finer maps never reach the head" in refusal(*finer, *more)
    assert composed([*finer, "fusion=none"]).fusion.stride == 2
