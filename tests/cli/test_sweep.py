"""A sweep: one parent run, its jobs beneath it, their comparison on it; a failing job does not stop the rest."""

import json
import signal
from pathlib import Path

import pytest
from messages import assert_wording
from processes import BACKEND, Training, launch

from colorize.cli.sweep import note_failure, parent_of

TINY = [
    "debug=smoke", "data.max_photos=null", f"backend={BACKEND}",
    "encoder.filters=[4]", "fusion.units=4", "fusion.channels=1",
    "trainer.num_visualized_photos=0", "evaluation.num_compared_photos=2", "evaluation.num_visualized_photos=1",
]  # fmt: skip
pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def swept(place: Path, *overrides: str) -> Training:
    """A sweep into a folder of this place."""
    return launch(place / "sweep", ["-m", *TINY, f"hydra.sweep.dir={place / 'sweep'}", *overrides])


def client_of(place):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{place / 'runs.db'}")


def runs_of(place):
    client = client_of(place)
    runs = client.search_runs([client.get_experiment_by_name("colorize").experiment_id])
    parents = [run for run in runs if run.data.tags.get("sweep")]
    return client, parents, [run for run in runs if run not in parents]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Three seeds; what is in the way in the folder of the second makes that job fail."""
    place = tmp_path_factory.mktemp("sweep")
    (place / "sweep" / "1" / "shapes.txt").mkdir(parents=True)
    training = swept(place, "seed=1,2,3", f"tracking.uri=sqlite:///{place / 'runs.db'}")
    return place, training.end(), training.written


def test_a_failing_job_does_not_stop_the_rest_and_is_visible(sweep):
    place, status, told = sweep
    assert status == 1, told
    assert sorted(path.parent.name for path in (place / "sweep").glob("*/result.json")) == ["0", "2"]
    assert sorted(path.parent.name for path in (place / "sweep").glob("*/error.txt")) == ["1"]
    assert "this job failed, the sweep goes on" in told and "1 of 3 jobs failed" in told
    assert "IsADirectoryError" in (place / "sweep" / "1" / "error.txt").read_text()


def test_the_jobs_are_beneath_one_parent(sweep):
    place, _, _ = sweep
    client, (parent,), children = runs_of(place)
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert sorted(run.info.status for run in children) == ["FAILED", "FINISHED", "FINISHED"]
    assert parent.info.status == "FAILED" and "seed=1,2,3" in parent.info.run_name
    assert {file.path for file in client.list_artifacts(parent.info.run_id, "failed")} == {"failed/1"}


def test_the_parent_says_what_varies_and_which_job_is_best(sweep):
    place, _, _ = sweep
    _, (parent,), children = runs_of(place)
    results = {name: json.loads((place / "sweep" / name / "result.json").read_text()) for name in ("0", "2")}
    errors = {name: result["metrics"]["ab_rmse"] for name, result in results.items()}
    name = min(errors, key=errors.get)  # of the same photos, so of the same baselines
    assert parent.data.params == {"seed": "1, 2, 3"}
    assert parent.data.metrics["val_best/ab_rmse"] == pytest.approx(errors[name])
    best = min(own["ab_rmse"] for own in results[name]["baselines"].values())
    assert parent.data.metrics["val_best/gain"] == pytest.approx(1 - errors[name] / best)
    note, base = parent.data.tags["mlflow.note.content"], f"#/experiments/{parent.info.experiment_id}/runs"
    link = f"{base}/{results[name]['mlflow_run_id']}?workflowType=machine_learning"
    assert f"**Best: [seed={int(name) + 1}]({link}): ab RMSE {errors[name]:.3f}" in note
    assert "A sweep of `seed`: 1, 2, 3. 2 jobs have finished" in note
    assert f"({base}/{parent.info.run_id}/artifacts/comparison/comparison.html?workflowType" in note
    assert results[name]["mlflow_run_id"] in {run.info.run_id for run in children}


def test_the_comparison_is_on_the_parent_and_in_the_folder(sweep):
    place, _, told = sweep
    client, (parent,), _ = runs_of(place)
    files = {file.path for file in client.list_artifacts(parent.info.run_id, "comparison")}
    assert files == {f"comparison/comparison.{ending}" for ending in ("html", "json", "md")}
    values = json.loads((place / "sweep" / "comparison" / "comparison.json").read_text())
    assert [group["seeds"] for group in values["groups"]] == [[1, 3]]
    assert "comparison.html in a browser" in told.replace("\n", "")


def test_a_job_is_what_it_would_be_alone(sweep):
    """The last job ran after two others in its process: its weights must not know."""
    place, _, _ = sweep
    alone, last = place / "alone", place / "sweep" / "2"
    training = launch(alone, [*TINY, "seed=3", "tracking=off", f"hydra.run.dir={alone}"])
    assert training.end() == 0, training.written
    for name in ("epoch", "loss", "ab_rmse", "val_loss", "val_ab_rmse"):
        assert len(column_of(alone, name)) == 2 and column_of(alone, name) == column_of(last, name)
    ours, theirs = (json.loads((folder / "result.json").read_text()) for folder in (alone, last))
    assert ours["metrics"] == theirs["metrics"]


def column_of(folder, name):
    header, *rows = [line.split(",") for line in (folder / "history.csv").read_text().splitlines()]
    return [row[header.index(name)] for row in rows]


def test_a_sweep_that_is_stopped_says_what_is_left_and_goes_on(tmp_path):
    plan = ["seed=1,2,3", "trainer.epochs=10", f"tracking.uri=sqlite:///{tmp_path / 'runs.db'}"]
    training = swept(tmp_path, *plan)
    training.until(lambda: list((tmp_path / "sweep").glob("1/model.safetensors")), "its second job's best weights")
    training.kill(signal.SIGINT)
    assert training.end() == 130, training.written
    _, (parent,), children = runs_of(tmp_path)
    assert parent.info.status == "KILLED" and sorted(run.info.status for run in children) == ["FINISHED", "KILLED"]
    assert not (tmp_path / "sweep" / "2").exists(), "the third job was not started"
    assert "these jobs are not finished:\n  1: seed=2\n  2: seed=3\n" in training.written
    command = training.written.strip().splitlines()[-1]
    assert "-m debug=smoke " in command and command.endswith(f"hydra.sweep.dir={tmp_path / 'sweep'}")

    first = (tmp_path / "sweep" / "0" / "result.json").stat().st_mtime_ns
    again = swept(tmp_path, *plan)
    assert again.end() == 0, again.written
    assert "/sweep/0 is finished already" in again.written.replace("\n", "")
    assert "goes on from its checkpoint" in again.written.replace("\n", " ")
    assert (tmp_path / "sweep" / "0" / "result.json").stat().st_mtime_ns == first
    assert len(list((tmp_path / "sweep").glob("*/result.json"))) == 3
    _, (parent,), children = runs_of(tmp_path)
    assert parent.info.status == "FINISHED" and [run.info.status for run in children] == ["FINISHED"] * 3


def test_a_job_finds_its_parent_in_a_folder_above(tmp_path):
    (tmp_path / "sweep.json").write_text('{"parent_run_id": "abc"}')
    assert parent_of(tmp_path / "0") == parent_of(tmp_path / "lr=1" / "seed=2") == "abc"
    assert parent_of(tmp_path / "a" / "b" / "c" / "d" / "e") == "abc"
    assert parent_of(tmp_path.parent / "other" / "run") is None


def test_the_folder_of_another_sweep_is_refused(tmp_path):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text('{"parent_run_id": null}')
    training = swept(tmp_path, "seed=1,2", "tracking=off")
    assert training.end() == 2
    assert_wording("hydra.sweep.dir.holds_another_sweep", training.written)


def test_a_failed_job_is_never_the_best_of_a_search(tmp_path, capsys):
    assert note_failure(tmp_path / "job", ValueError("why")) == float("inf")
    assert "ValueError: why" in (tmp_path / "job" / "error.txt").read_text() and "why" in capsys.readouterr().err
