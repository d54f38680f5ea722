"""What a model file says of itself, and what is no model file."""

import json

import numpy as np
import pytest
from messages import assert_wording
from safetensors.numpy import save_file
from small import about

from colorize.config.compose import composed
from colorize.config.schema import from_stored
from colorize.config.training import MlflowTracking
from colorize.errors import UserError
from colorize.runs.model_file import BOX, KEY, read_about, shared


@pytest.mark.once
@pytest.mark.parametrize("change", [{"photos": {}}, {"bins": []}, {"bins": [[0, 0, float("nan")]]}, {"format": 2},
                                    {"mean_ab": [1]}, {"ab_given_lightness": [[1, 2]]}], ids=str)  # fmt: skip
def test_a_model_file_that_says_nonsense_of_itself_is_reported(change, tmp_path):
    said = json.loads(read_about(BOX).model_dump_json()) | change
    save_file({"a": np.zeros(3)}, tmp_path / "m.safetensors", {KEY: json.dumps(said)})
    with pytest.raises(UserError) as raised:
        read_about(tmp_path / "m.safetensors")
    pydantics = raised.value.__context__.errors()[0]["msg"]
    assert_wording("model_file.damaged", str(raised.value), file=tmp_path / "m.safetensors", reason=pydantics)
    if "format" in change:
        assert_wording("model_file.format", pydantics)


@pytest.mark.once
def test_a_model_file_keeps_no_path_and_no_server(config_of, tmp_path):
    size = ["data.height=64", "data.width=96"]
    config = config_of("data=folder", "data.root=/home/me", "data.cache=/home/me/cache", "init=/home/me/model", *size)
    encoder = composed(["encoder=efficientnet_lite0", "encoder.weights=none"]).encoder
    config = config.model_copy(update={"encoder": encoder.model_copy(update={"weights": "/home/me/lite0.pth"})})
    mlflow = {"name": "mlflow", "uri": "https://me:secret@example.org", "experiment": "a", "patience": 1.0}
    mlflow["every_steps"] = None
    config = config.model_copy(update={"tracking": MlflowTracking(**mlflow, register=None)})
    text = json.dumps(shared(config))
    assert "/home/me" not in text and "secret" not in text
    assert from_stored(shared(config), "here").fusion == config.fusion


@pytest.mark.once
def test_the_box_says_what_it_is_and_its_encoder_is_imagenets_but_for_what_was_trained():
    about = read_about(BOX)
    assert about.name == "photos" and about.photos["train"] > 9000 and about.config["data"]["root"] is None
    assert len(about.ab_given_lightness) == 101 and about.metrics["ours"]["ab_rmse"] < about.metrics["grey"]["ab_rmse"]
    assert BOX.stat().st_size < 16e6


def test_a_model_says_how_far_it_is_from_the_best_baseline(config_of):
    told = about(config_of("trainer.epochs=7"), name="ours")
    assert "unfinished" in told.description and "baseline" not in told.description
    metrics = {"ours": {"ab_rmse": 9.0}, "grey": {"ab_rmse": 12.0}, "mean_ab": {"ab_rmse": 10.0}}
    better, worse = (
        told.model_copy(update={"metrics": metrics | {"ours": {"ab_rmse": error}}}) for error in (9.0, 11.0)
    )
    assert better.description.endswith(f"7 epochs, {told.date}, val ab RMSE 10.0% below the best trivial baseline")
    assert worse.description.endswith("val ab RMSE 10.0% above the best trivial baseline")
