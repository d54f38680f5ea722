"""The head of bins: its colours against loops in NumPy, and models that have it."""

import json

import numpy as np
import pytest
from bins_by_hand import CENTRES, SHARES, head
from keras import ops
from messages import ended
from skimage import color as reference
from small import keep

from colorize.__main__ import main
from colorize.backend import Device
from colorize.data.load import read_dataset
from colorize.models.color_bins import Bins, bins_of
from colorize.models.colorizer import Colorizer, build_network
from colorize.runs.layout import LAST
from colorize.runs.model_file import MODEL, read_about
from colorize.runs.weights import load_colorizer
from colorize.tracking.tracker import Tracker
from colorize.training.learner import Learner
from colorize.training.run import run as training_run
from colorize.training.signals import StopSignals


@pytest.mark.parametrize("temperature", [0.01, 0.38, 1.0])
def test_the_annealed_mean(temperature):
    logits = np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype("float32")
    ab = ops.convert_to_numpy(head(temperature=temperature, stride=1).ab(logits))
    for place in np.ndindex(2, 3, 4):
        shares = np.exp(logits[place].astype("float64") / temperature - (logits[place] / temperature).max())
        np.testing.assert_allclose(ab[place], shares / shares.sum() @ CENTRES, atol=1e-3)


def test_the_annealed_mean_goes_to_the_most_probable_bin():
    logits = np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype("float32")
    ab = ops.convert_to_numpy(head(temperature=1e-4, stride=1).ab(logits))
    np.testing.assert_allclose(ab, CENTRES[logits.argmax(axis=-1)], atol=1e-3)


def test_colours_come_to_full_size_bilinearly():
    logits = np.random.default_rng(0).normal(size=(1, 2, 3, 6)).astype("float32")
    coarse = ops.convert_to_numpy(head(stride=1).ab(logits))
    fine = ops.convert_to_numpy(head(stride=4).ab(logits))
    assert fine.shape == (1, 8, 12, 2)
    np.testing.assert_allclose(fine[0, 0, 0], coarse[0, 0, 0], atol=1e-5)
    # Half-pixel centres: pixel 2 of a row lies an eighth of the way from cell 0 to cell 1, pixel 5 seven eighths.
    np.testing.assert_allclose(fine[0, 0, 2], 7 / 8 * coarse[0, 0, 0] + 1 / 8 * coarse[0, 0, 1], atol=1e-4)
    np.testing.assert_allclose(fine[0, 0, 5], 1 / 8 * coarse[0, 0, 0] + 7 / 8 * coarse[0, 0, 1], atol=1e-4)


def test_bins_are_kept_in_the_model_file(model):
    bins = load_colorizer(model).head.bins
    np.testing.assert_array_equal(bins.centres, CENTRES)
    np.testing.assert_array_equal(bins.shares, SHARES)


@pytest.fixture
def model(tmp_path, config_of, photo_folder):
    """A model with a head of bins, in an output folder; one bin is likely, and the others are not impossible."""
    config = config_of(
        "data=folder",
        f"data.root={photo_folder}",
        "data.val_fraction=0.3",
        "head=bins",
        "loss.cross_entropy.neighbours=2",
    )
    bins = Bins(CENTRES, SHARES)
    network = build_network(config, bins)
    network.model.get_layer("head_logits").bias.assign([0, 0, 0, 1, 0.5, 0])
    keep(config, network, tmp_path, bins)
    (tmp_path / "result.json").write_text(json.dumps({"mlflow_run_id": None}))
    return tmp_path


@pytest.mark.once
@pytest.mark.slow
def test_a_run_that_begins_with_a_model_of_bins_keeps_them_and_goes_on_without_it(model, config_of, tmp_path, capsys):
    """Its head knows no other bins, whatever colours the new photos have."""
    shape = [
        "head=bins",
        "loss.cross_entropy.neighbours=2",
        "trainer.epochs=1",
        "trainer.num_visualized_photos=0",
        f"init={model}",
    ]
    config, folder = config_of(*shape), tmp_path / "run"
    folder.mkdir()

    def run(**changes):
        chosen = config.model_copy(update={"trainer": config.trainer.model_copy(update=changes)})
        device, going_on = Device(config.backend, "cpu", "CPU"), (folder / LAST).exists()
        dataset = read_dataset(config.data)
        return training_run(chosen, dataset, device, Tracker(), StopSignals(), folder, [], 0.0, going_on)

    run()
    assert "100.0% of the parameters" in capsys.readouterr().out
    expected = Bins(CENTRES, SHARES).rows()
    assert read_about(folder).bins == read_about(folder / LAST).bins == expected
    (model / MODEL).unlink()
    assert run(epochs=2).epochs == 2 and read_about(folder).bins == expected


def test_the_temperature_can_be_changed_after_training(model, noise):
    rgb = noise(1, 16, 32)
    cold, trained, mean = [
        ops.convert_to_numpy(load_colorizer(model, temperature).predict_on_batch(rgb))[0, 5, 5]
        for temperature in (0.01, None, 1.0)
    ]
    np.testing.assert_allclose(cold, [-20, 30], atol=1e-2)
    shares = np.exp(np.array([0, 0, 0, 1, 0.5, 0]))
    np.testing.assert_allclose(mean, shares / shares.sum() @ CENTRES, atol=1e-2)
    off = [np.linalg.norm(ab - CENTRES[3]) for ab in (cold, trained, mean)]
    assert off == sorted(off) and off[1] > 1


@pytest.mark.parametrize("temperature", ["0", "1e-40", "1.5", "nan"])
def test_a_temperature_that_is_none_is_refused(model, temperature, capsys):
    with ended("evaluate.temperature.range", capsys, received=f"received {temperature}"):
        main(["evaluate", str(model), "--temperature", temperature])


@pytest.mark.once
def test_another_temperature_is_another_evaluation(model, capsys):
    for temperature in ([], ["--temperature", "1"], ["--temperature", "0.38"]):
        main(["evaluate", str(model), *temperature])
    trained, other = sorted((model / "evaluation").iterdir())
    assert other.name == f"{trained.name}-temperature1"
    kept, changed = [json.loads((place / "evaluation.json").read_text()) for place in (trained, other)]
    assert kept["metrics"]["ours"]["ab_rmse"] != changed["metrics"]["ours"]["ab_rmse"]
    assert any("temperature 0.38, as in training" in sentence for sentence in kept["protocol"])
    assert any("temperature 1, another one" in sentence for sentence in changed["protocol"])


@pytest.mark.once
def test_nothing_is_judged_before_all_models_are_known_to_have_a_temperature(
    model, config_of, tmp_path_factory, capsys
):
    other = tmp_path_factory.mktemp("regression")
    keep(config_of(), build_network(config_of()), other)
    with ended("evaluate.temperature.no_bins", capsys):
        main(["evaluate", str(model), str(other), "--temperature", "0.5"])
    assert not (model / "evaluation").exists()


def test_a_few_steps_learn_a_photo_by_heart(config_of, photos_of):
    config = config_of("head=bins", "head.stride=2", "decoder.dropout=0")
    ramp = np.linspace(40, 220, config.data.width).astype("uint8")
    rgb = np.zeros((4, config.data.height, config.data.width, 3), "uint8")
    rgb[..., 0], rgb[..., 2] = ramp, ramp[::-1] // 2
    network = build_network(config, bins_of(photos_of(rgb), config.head))
    learner = Learner(network)
    learner.compile(optimizer="adam")
    learner.optimizer.learning_rate = 0.01
    before = learner.evaluate(rgb, verbose=0, return_dict=True)
    learner.fit(np.tile(rgb, (50, 1, 1, 1)), batch_size=4, verbose=0)
    after = learner.evaluate(rgb, verbose=0, return_dict=True)  # of the loss, the entropy of the targets stays
    assert after["loss"] < 0.7 * before["loss"] and after["ab_rmse"] < 0.5 * before["ab_rmse"]
    ab = ops.convert_to_numpy(Colorizer(network).predict_on_batch(rgb))
    true = reference.rgb2lab(rgb)[..., 1:]
    assert np.sqrt(np.mean((ab - true) ** 2)) == pytest.approx(after["ab_rmse"], rel=1e-3)
