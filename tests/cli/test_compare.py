"""`python -m colorize compare`: the table, the files, MLflow, and what cannot be compared."""

import json
import re
import subprocess
import sys

import pytest
from messages import ended
from runs_to_compare import compared

from colorize.metrics.summary import METRICS

pytestmark = pytest.mark.once


def test_what_rich_and_markdown_would_take_for_markup_goes_through(four, tmp_path, capsys):
    out = tmp_path / "out[/bold][red]"
    folder = four[0].folder.rename(four[0].folder.with_name("a|b<i>[bold]"))
    compared(out, folder, four[2].folder)
    assert "out[/bold][red]" in capsys.readouterr().out.replace("\n", "")
    assert "a\\|b&lt;i&gt;[bold]" in (out / "comparison.md").read_text()


def test_one_group_alone_is_said(run_of, tmp_path, capsys):
    compared(tmp_path / "out", *[run_of(f"r{seed}", seed=seed).folder for seed in (1, 2)])
    assert "There is one group alone" in capsys.readouterr().out


def test_the_command_writes_a_table_markdown_json_and_a_page(four, tmp_path, capsys):
    compared(tmp_path / "out", *[run.folder for run in four])
    out = capsys.readouterr().out
    assert "fusion=row_gru" in out and "±" in out and "better" in out and "not logged in one place" in out
    text = (tmp_path / "out" / "comparison.md").read_text()
    for metric in set(METRICS) - {"lpips", "fid"}:
        assert METRICS[metric].title.replace("|", "\\|") in text
    assert "`fusion.units`" in text and "A protocol." in text and "nearer to the truth on" in text
    values = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert values["reference"].startswith("fusion=none") and values["groups"][1]["seeds"] == [1, 2]
    difference = values["groups"][1]["differences"]["ab_rmse"]
    assert difference["mean"] < -0.9 and difference["conclusion"] == "better"


def test_keras_is_not_needed(four, tmp_path):
    arguments = ["compare", *[str(run.folder) for run in four], "--out", str(tmp_path / "out")]
    program = f"import sys; from colorize.__main__ import main; main({arguments!r}); print('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")


def test_a_comparison_is_replaced_where_that_is_said(four, tmp_path, capsys):
    runs = [run.folder for run in four]
    compared(tmp_path / "out", *runs[:2])
    before = (tmp_path / "out" / "comparison.json").read_bytes()
    with ended("compare.there_already", capsys):
        compared(tmp_path / "out", *runs)
    assert (tmp_path / "out" / "comparison.json").read_bytes() == before
    compared(tmp_path / "out", *runs, "--overwrite")
    assert (tmp_path / "out" / "comparison.json").read_bytes() != before


def test_the_reference_may_be_chosen_by_part_of_its_label(four, tmp_path, capsys):
    compared(tmp_path / "out", *[run.folder for run in four], "--reference", "row_gru")
    assert "against fusion=row_gru" in capsys.readouterr().out


def test_different_photos_are_not_compared(run_of, capsys, tmp_path):
    one, other = run_of("one"), run_of("two", "fusion=none", digest="other")
    with ended("compare.evaluated_on_other_photos", capsys):
        compared(tmp_path / "out", one.folder, other.folder)
    assert not (tmp_path / "out").exists()


def test_an_evaluation_that_one_lacks_is_said(run_of, capsys, tmp_path):
    one, other = run_of("one", part="test"), run_of("two", "fusion=none", part="val")
    with ended("compare.evaluated_on_other_parts", capsys):
        compared(tmp_path / "out", one.folder, other.folder)


def test_too_few_unknown_and_empty_runs_are_said(run_of, capsys, tmp_path, monkeypatch):
    run = run_of("one")
    out = tmp_path / "out"
    with ended("compare.one_run", capsys):
        compared(out, run.folder)
    with ended("compare.no_run", capsys):
        compared(out, run.folder, "nowhere")
    (tmp_path / "empty").mkdir()
    with ended("compare.empty_folder", capsys):
        compared(out, run.folder, tmp_path / "empty")
    with ended("compare.no_reference", capsys):
        compared(out, run.folder, run_of("two", "fusion=none").folder, "--reference", "x")


@pytest.mark.filterwarnings("ignore")  # of what MLflow imports
def test_runs_of_an_experiment_are_fetched_compared_and_logged(four, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("mine", artifact_location=(tmp_path / "artifacts").as_uri())
    for run in four:
        text = (run.folder / "config.yaml").read_text()
        tracked = f"tracking:\n  name: mlflow\n  uri: {uri}\n  experiment: mine\n  patience: 1.5\n  register: null\n"
        (run.folder / "config.yaml").write_text(re.sub(r"tracking:\n  name: .*\n", tracked, text))
        run_id = client.create_run(experiment).info.run_id
        client.log_param(run_id, "seed", run.config.seed)
        client.log_artifacts(run_id, str(run.folder))
        client.set_terminated(run_id)
        client.log_param(run_id, "fusion.name", run.config.fusion.name)
        client.log_param(run_id, "data.digest", "t")
    client.create_run(experiment)  # one that is still running, and has nothing yet
    foreign = client.create_run(experiment).info.run_id
    client.log_param(foreign, "seed", 1)
    client.set_terminated(foreign)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    compared(tmp_path / "out", "--experiment", "mine")
    values = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [len(group["runs"]) for group in values["groups"]] == [2, 2]
    (logged,) = [run for run in client.search_runs([experiment]) if "comparison" in run.data.tags]
    files = {file.path for file in client.list_artifacts(logged.info.run_id, "comparison")}
    assert files == {f"comparison/comparison.{ending}" for ending in ("html", "json", "md", "png")}
    assert logged.info.status == "FINISHED"
