"""The model that a run logs: what is in it, and the registered one that it becomes a version of."""

import pytest
from messages import ended

from colorize.__main__ import main
from colorize.hub import find_model
from colorize.runs.model_file import MODEL
from colorize.serving.packaging import requirements
from colorize.tracking.tracker import MlflowTracker

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def test_a_run_logs_a_model_without_pickle_with_all_that_belongs_to_it(logged, tmp_path):
    tracker = logged("a")
    run = logged.client.get_run(tracker.run_id)
    (output,) = run.outputs.model_outputs
    model = logged.client.get_logged_model(output.model_id)
    assert model.status == "READY" and model.source_run_id == tracker.run_id and model.params == {"fusion": "row_gru"}
    of = {metric.key: (metric.value, metric.dataset_name, metric.dataset_digest) for metric in model.metrics}
    assert of["val_best/ab_rmse"] == (12.0, "sample val", "photos")
    assert len(logged.client.get_metric_history(tracker.run_id, "val_best/ab_rmse")) == 1, (
        "to the run it is no other point"
    )

    found = find_model(tracker.run_id, logged.uri, None, tmp_path / "fetched")
    files = {path.name for path in (tmp_path / "fetched").rglob("*")}
    assert {"MLmodel", MODEL, "serving_input_example.json"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".pyc"))]
    assert found.config.fusion.name == "row_gru"
    (root,) = [path.parent for path in (tmp_path / "fetched").rglob("MLmodel")]
    pinned = (root / "requirements.txt").read_text().split()
    assert pinned == requirements(found.config.backend) and all("==" in line for line in pinned)
    assert '"name": "image"' in (root / "MLmodel").read_text()


def test_delivering_it_twice_changes_nothing(logged):
    tracker = logged("a", register="colorizer")
    (tracker.output / "tracking" / "delivered.json").unlink()
    main(["sync", str(tracker.output)])
    run = logged.client.get_run(tracker.run_id)
    assert len(run.outputs.model_outputs) == 1
    assert [version.version for version in logged.client.search_model_versions("name = 'colorizer'")] == [1]


def test_weights_that_changed_meanwhile_are_not_logged_as_those_before(logged, capsys):
    tracker = logged("a")
    (tracker.output / MODEL).write_bytes(b"later weights")
    (tracker.output / "tracking" / "delivered.json").unlink()
    with ended("tracking.refused.other_weights", capsys, status=1):
        main(["sync", str(tracker.output), "--tracking", logged.uri.replace("runs.db", "other.db")])


def test_a_strangers_model_sends_off_no_other_file_of_this_machine(logged, tmp_path, capsys):
    tracker = logged("a")
    (tmp_path / "secret").write_text("secret")
    (tracker.output / MODEL).unlink()
    (tracker.output / MODEL).symlink_to(tmp_path / "secret")
    with ended("tracking.refused.model_elsewhere", capsys, status=1):
        main(["sync", str(tracker.output), "--tracking", logged.uri.replace("runs.db", "other.db")])


def test_who_was_judged_once_is_not_judged_again(logged):
    first, second = logged("first", 12.0, register="colorizer"), logged("second", 12.5, register="colorizer")
    logged.client.set_registered_model_alias("colorizer", "champion", 2)  # somebody's own choice
    for tracker in (first, second, first):
        (tracker.output / "tracking" / "delivered.json").unlink()
        main(["sync", str(tracker.output)])
    aliases = logged.client.get_registered_model("colorizer").aliases
    assert {alias: int(version) for alias, version in aliases.items()} == {"champion": 2, "challenger": 2}


def test_who_is_worse_than_a_trivial_baseline_is_no_champion(logged, monkeypatch):
    metrics, gains = MlflowTracker.metrics, iter([-0.01, 0.2])
    more = lambda self, values, step=None: metrics(self, values | {"val_best/gain": next(gains)}, step)  # noqa: E731
    monkeypatch.setattr(MlflowTracker, "metrics", more)
    for name, expected in (("worse", {"challenger": 1}), ("better", {"challenger": 1, "champion": 2})):
        logged(name, 12.0, register="colorizer")
        aliases = logged.client.get_registered_model("colorizer").aliases
        assert {alias: int(version) for alias, version in aliases.items()} == expected


def test_a_version_says_what_it_is_and_who_has_beaten_it(logged):
    first, _ = logged("first", 12.0, register="colorizer"), logged("second", 11.5, register="colorizer")
    versions = {int(v.version): v for v in logged.client.search_model_versions("name = 'colorizer'")}
    name = logged.client.get_run(first.run_id).info.run_name
    assert versions[1].description == f"{name}: ab RMSE 12.000 on the held-out photos"
    assert versions[1].tags["evaluated"] == "beaten by version 2" and versions[2].tags["evaluated"] == "champion"


def test_a_score_that_is_no_number_makes_no_champion(logged):
    logged("nan", float("nan"), register="colorizer")
    assert list(logged.client.get_registered_model("colorizer").aliases) == ["challenger"]


def test_the_champion_is_who_beats_it_by_the_same_photos(logged, capsys):
    def registered(name, score, digest="photos"):
        tracker = logged(name, score, digest, register="colorizer")
        tracker.tell()
        aliases = logged.client.get_registered_model("colorizer").aliases
        return {alias: int(version) for alias, version in aliases.items()}, capsys.readouterr().out

    aliases, told = registered("first", 12.0)
    assert aliases == {"champion": 1} and "colorizer version 1 is its champion" in told
    aliases, told = registered("worse", 12.5)
    assert aliases == {"champion": 1, "challenger": 2} and "12.500 against 12.000 of version 1" in told
    aliases, told = registered("equal", 12.0)
    assert aliases == {"champion": 1, "challenger": 3}
    aliases, told = registered("better", 11.5000006)
    assert aliases["champion"] == 4 and "11.500 against 12.000 of version 1" in told
    aliases, told = registered("its twin", 11.5000006)
    assert aliases == {"champion": 4, "challenger": 5}, "equal, to the last digit"
    aliases, told = registered("elsewhere", 3.0, "other photos")
    assert aliases == {"champion": 4, "challenger": 6} and "was evaluated by other photos" in told
