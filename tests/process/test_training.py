"""The whole loop: a run from photos to result, its tracking, its signals, its failures."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from messages import assert_wording
from PIL import Image
from processes import BACKEND, Training, launch

from colorize.config.base import PROJECT
from colorize.data.load import read_dataset
from colorize.evaluation.predictors import run_predictors
from colorize.metrics.baselines import Baselines
from colorize.metrics.summary import METRICS
from colorize.models.colorizer import build_network
from colorize.runs.layout import LAST
from colorize.runs.model_file import MODEL, read_about, read_config
from colorize.runs.weights import load_colorizer
from colorize.tracking.tracker import Tracker
from colorize.training.signals import StopSignals

pytestmark = pytest.mark.slow

SMALL = [
    "debug=smoke",
    "data.max_photos=null",
    f"backend={BACKEND}",
    "encoder.filters=[4]",
    "fusion.units=4",
    "fusion.channels=1",
]

MLFLOW_WARNS = pytest.mark.filterwarnings("ignore")  # of what it imports, when a test reads its database


def train(folder: Path, *overrides: str, status: int = 0) -> Training:
    """Trains to the end, in a process of its own."""
    training = launch(folder, [*SMALL, f"hydra.run.dir={folder}", *overrides])
    assert training.end() == status, training.written
    return training


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """One run with MLflow as a user would start it, from a folder that is not the project's: its folder, its screen,
    its database."""
    place = tmp_path_factory.mktemp("tracked")
    database = f"sqlite:///{place / 'runs.db'}"
    command = [sys.executable, str(PROJECT / "train.py"), *SMALL, f"hydra.run.dir={place / 'run'}"]
    command += [f"tracking.uri={database}", "tracking.experiment=tests"]
    environment = {**os.environ, "MLFLOW_RUN_ID": "left over from another run"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=place, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "run", done, database


@pytest.mark.once
def test_a_run_leaves_what_is_promised(tracked):
    folder, done, _ = tracked
    result = json.loads((folder / "result.json").read_text())
    for metrics in (result["metrics"], *result["baselines"].values()):
        assert set(metrics) == set(METRICS) - {"lpips", "fid"}
    assert set(result["baselines"]) == {"grey", "mean_ab", "ab_given_lightness"}
    assert result["parameters"] == build_network(read_config(folder)).model.count_params()
    assert 0 <= result["input_wait_share"] < 1 and result["images_per_second"] > 0 and result["seconds"] > 0
    assert result["versions"]["keras"] == keras.__version__ and result["truth"]["colorfulness"] > 1
    assert len(list((folder / "comparison_grids").glob("*.png"))) == 2
    with Image.open(folder / "contact_sheet.png") as sheet:  # grey, epochs 0, 1 and 2, truth
        assert sheet.size == (5 * 32 + 4 * 4, 18 + 2 * 16 + 4)
    with Image.open(next((folder / "comparison_grids").iterdir())) as grid:
        assert grid.size == (32, 3 * 16 + 2 * 4)
    assert all((folder / name).stat().st_size for name in ("shapes.txt", "dependency_map.png", LAST))


@pytest.mark.once
def test_the_screen_shows_epochs_the_table_and_the_next_command_and_nothing_else(tracked):
    folder, done, _ = tracked
    assert "val" in done.stdout and "235 photos to train on, 57 for validation" in done.stdout
    for text in ("epoch   1/2", "epoch   2/2", "E[ab given L]", "ours", "truth", "baseline", "mlflow ui", "paint"):
        assert text in done.stdout, text
    assert done.stderr == ""


@pytest.mark.once
def test_the_result_is_that_of_the_stored_weights(tracked):
    folder, _, _ = tracked
    result, config = json.loads((folder / "result.json").read_text()), read_config(folder)
    colorizer = load_colorizer(folder)
    dataset, about = read_dataset(config.data), read_about(folder)
    baselines = Baselines.learned([dataset.train.fitted()])
    np.testing.assert_allclose(about.mean_ab, baselines.mean, atol=1e-5)
    np.testing.assert_allclose(about.ab_given_lightness, baselines.by_lightness, atol=1e-4)
    assert about.metrics["ours"] == result["metrics"] and about.photos == {"train": 235, "val": 57}
    predictors = baselines.predictors | {"ours": lambda rgb: colorizer(rgb, training=False)}
    measured = run_predictors(predictors, dataset.val, config.evaluation, 10, lambda done: None)
    assert measured.truth == pytest.approx(result["truth"])
    for name, metrics in {**result["baselines"], "ours": result["metrics"]}.items():
        assert measured.metrics[name] == pytest.approx(metrics, rel=1e-4), name


@pytest.mark.once
@MLFLOW_WARNS
def test_mlflow_has_the_whole_run(tracked):
    folder, done, database = tracked
    from mlflow import MlflowClient

    client = MlflowClient(database)
    result = json.loads((folder / "result.json").read_text())
    run = client.get_run(result["mlflow_run_id"])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "sample 16x32, pyramid + row_gru, seed 1"
    assert not any(value == "None" or key.startswith("tracking.") for key, value in run.data.params.items())
    assert run.data.tags["mlflow.source.git.commit"] == run.data.tags["git.commit"]
    assert run.data.params["trainer.epochs"] == "2" and run.data.params["fusion.units"] == "4"
    assert run.data.params["data.photos_val"] == str(result["photos"]["val"])
    assert "encoder.filters=[4]" in run.data.tags["overrides"]
    assert run.data.tags["version.keras"] == keras.__version__
    assert run.data.metrics["val_best/ab_rmse"] == pytest.approx(result["metrics"]["ab_rmse"])
    best = min(baseline["ab_rmse"] for baseline in result["baselines"].values())
    assert run.data.metrics["val_best/gain"] == pytest.approx(1 - result["metrics"]["ab_rmse"] / best)
    assert run.data.metrics["train/seconds"] == pytest.approx(result["seconds"])
    finals = [name for name in run.data.metrics if name.startswith("val_best/")]
    assert len(finals) <= 12 and "val_best/truth.colorfulness" in finals, finals
    of_training = ("loss", "ab_rmse", "learning_rate", "images_per_second", "input_wait_share")
    for name in ("val/loss", "val/ab_rmse", *[f"train/{name}" for name in of_training]):
        assert [point.step for point in client.get_metric_history(run.info.run_id, name)] == [1, 2], name
    assert {entry.tags[0].value for entry in run.inputs.dataset_inputs} == {"train", "val"}
    folders = ("", "shapes")
    artifacts = {file.path for folder in folders for file in client.list_artifacts(run.info.run_id, folder)}
    assert {"config.yaml", "result.json", "photos.csv", "history.csv", "contact_sheet.png"} <= artifacts
    assert {"shapes/shapes.txt", "shapes/shapes.json"} <= artifacts
    (place,) = client.list_artifacts(run.info.run_id, "evaluation")
    assert place.path.startswith("evaluation/sample-val-16x32-")
    evaluation = {file.path for file in client.list_artifacts(run.info.run_id, place.path)}
    assert {f"{place.path}/{name}" for name in ("evaluation.json", "photos.csv", "comparison_grids")} <= evaluation
    assert "shapes/dependency_map.png" in artifacts
    note = run.data.tags["mlflow.note.content"]
    assert f"**{result['metrics']['ab_rmse']:.3f}**" in note and f"{result['baselines']['grey']['ab_rmse']:.3f}" in note
    assert f"paint PHOTO_OR_FOLDER... --model {run.info.run_id}" in note and "It has not finished" not in note
    page = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    assert f"({page}/artifacts/contact_sheet.png?workflowType=machine_learning)" in note
    assert f"then open http://127.0.0.1:5000/{page}?workflowType=machine_learning" in done.stdout
    ((model,),) = [run.outputs.model_outputs]
    logged = client.get_logged_model(model.model_id)
    assert logged.status == "READY" and logged.params["fusion"] == "row_gru"
    of_model = {metric.key: metric.value for metric in logged.metrics}
    assert of_model["val_best/ab_rmse"] == run.data.metrics["val_best/ab_rmse"]
    images = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    pictures = [path for path in images if path.endswith(".png")]
    assert len(pictures) == 2 * 3, "two photos, before training and after each of two epochs"


@pytest.mark.once
@MLFLOW_WARNS
def test_a_signal_keeps_the_weights_and_marks_the_run_killed(tmp_path):
    folder, database = tmp_path / "run", f"sqlite:///{tmp_path / 'runs.db'}"
    training = launch(folder, [*SMALL, f"hydra.run.dir={folder}", f"tracking.uri={database}", "trainer.epochs=1000"])
    training.until((folder / MODEL).exists, "its best weights")
    training.kill(signal.SIGTERM)
    assert training.end() == 143 and "Traceback" not in training.written, training.written
    from mlflow import MlflowClient

    client = MlflowClient(database)
    (run,) = client.search_runs([client.get_experiment_by_name("colorize").experiment_id])
    assert run.info.status == "KILLED"
    load_colorizer(folder / LAST)
    assert "kept" in training.written


@pytest.mark.once
@MLFLOW_WARNS
def test_a_signal_while_its_tables_are_made_leaves_a_database_that_works(tmp_path):
    database = tmp_path / "runs.db"
    command = [sys.executable, "-X", "faulthandler", str(PROJECT / "train.py"), *SMALL]
    command += [f"hydra.run.dir={tmp_path / 'run'}", f"tracking.uri=sqlite:///{database}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    deadline = time.monotonic() + 300
    while not database.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)  # its tables are being made now, while Keras starts or takes its first steps
    try:
        _, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # says where its threads are
        pytest.fail("it does not end:\n" + "".join(process.communicate()))
    assert process.returncode == 143, err
    assert "stopped by SIGTERM; " in err and "Traceback" not in err
    from mlflow import MlflowClient

    assert MlflowClient(f"sqlite:///{database}").search_experiments()


@pytest.mark.once
def test_an_exception_marks_the_run_failed(tmp_path, config_of, monkeypatch):
    from colorize.backend import Device
    from colorize.training import run

    ended = []
    tracker = Tracker()
    tracker.finish = ended.append
    monkeypatch.setattr(run.TrainingLoop, "run", lambda self: 1 / 0)
    config = config_of()
    with pytest.raises(ZeroDivisionError):
        run.run(
            config, read_dataset(config.data), Device(BACKEND, "cpu", "CPU"), tracker, StopSignals(), tmp_path, [], 0.0
        )
    assert ended == ["FAILED"]


@pytest.mark.once
@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["data=folder", "data.root=nowhere"], "data.root.no_folder"),
        (["trainer=gpu", "trainer.epochs=1", "tracking=off"], "trainer.no_gpu"),
        (["tracking.uri=nonsense://x"], "tracking.uri.unknown_scheme"),
    ],
)
def test_a_mistake_found_late_is_still_told_without_a_trace(overrides, key, tmp_path):
    refused = train(tmp_path / "run", *overrides, status=2)
    assert "Traceback" not in refused.written
    mlflows = re.search(r"could be started there: (.+)\. Correct", refused.refusal)
    assert_wording(key, refused.refusal, **({"reason": mlflows[1]} if mlflows else {}))
    read = (tmp_path / "run" / "photos.csv").exists()
    assert (tmp_path / "run").exists() == read, "what was refused leaves nothing but what became of the photos"


@pytest.mark.once
def test_the_folder_of_another_run_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / MODEL).write_bytes(b"of another run")
    refused = train(tmp_path / "run", "tracking=off", status=2)
    assert_wording("hydra.run.dir.taken", refused.refusal, found=MODEL)
    assert (tmp_path / "run" / MODEL).read_bytes() == b"of another run"


@pytest.mark.once
@MLFLOW_WARNS
def test_any_file_name_has_a_strip_of_its_own(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("a", "b"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        for i in range(6):
            name = f"Foto_\u00e4 ({i})+it's.png"
            Image.fromarray(rng.integers(0, 256, (24, 40, 3)).astype("uint8")).save(tmp_path / "photos" / folder / name)
    data = ["data=sample", f"data.root={tmp_path / 'photos'}", "data.batch_size=2"]
    logged = f"tracking.uri=sqlite:///{tmp_path / 'runs.db'}"
    train(tmp_path / "run", *data, logged, "trainer.num_visualized_photos=99", "trainer.epochs=1")
    photos = json.loads((tmp_path / "run" / "result.json").read_text())["photos"]
    assert sum(photos.values()) == 12
    assert len(list((tmp_path / "run" / "comparison_grids").iterdir())) == photos["val"]


@pytest.mark.once
def test_help_shows_groups_and_three_examples(tmp_path):
    command = [sys.executable, str(PROJECT / "train.py"), "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert text.count("  python train.py ") == 3
    assert all(
        f"{group}: " in text
        for group in ["data", "encoder", "fusion", "decoder", "head", "optimizer", "trainer", "evaluation", "tracking"]
    )
