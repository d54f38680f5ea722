"""Validation: of all photos, and never by what is not finite."""

import numpy as np
import pytest

from colorize.models.colorizer import Colorizer, build_network
from colorize.runs.atomic import WriteErrors
from colorize.runs.model_file import MODEL
from colorize.tracking.tracker import Tracker
from colorize.training.callbacks import Validation
from colorize.training.learner import Learner
from colorize.training.state import TrainState


@pytest.mark.slow
def test_validation_is_that_of_all_photos_however_they_are_batched(config_of, tmp_path, noise, photos_of, monkeypatch):
    rgb, network = noise(7, 16, 32), build_network(config_of())
    colorizer = Learner(network)
    colorizer.compile(optimizer="sgd")
    told = colorizer.evaluate(rgb, batch_size=3, verbose=0, return_dict=True)
    expected = {name: told[name] for name in ("ab_rmse", "loss")}  # and the loss of the last batch alone
    monkeypatch.setattr("colorize.data.dataset.PIXELS_PER_BATCH", 3 * 16 * 32)
    trainer = config_of("trainer.num_visualized_photos=0").trainer
    photos = photos_of(rgb)
    parts = TrainState(), Colorizer(network), photos, tmp_path, Tracker(), trainer, WriteErrors()
    validation = Validation(*parts, lambda path: None)
    validation.set_model(colorizer)
    assert validation._evaluate() == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_validation_that_is_not_finite_is_no_best_and_stops_training(config_of, tmp_path, noise, photos_of):
    network, photos = build_network(config_of()), photos_of(noise(2, 16, 32))
    trainer = config_of("trainer.num_visualized_photos=0").trainer
    parts = TrainState(), Colorizer(network), photos, tmp_path, Tracker(), trainer, WriteErrors()
    validation = Validation(*parts, lambda path: None)
    colorizer = Learner(network)
    colorizer.compile(optimizer="sgd")
    colorizer.network.set_weights([np.full_like(w, np.nan) for w in colorizer.network.get_weights()])
    history = colorizer.fit(noise(2, 16, 32), batch_size=2, epochs=3, verbose=0, callbacks=[validation])
    assert history.epoch == [0] and validation.diverged and validation.state.best_epoch == 0
    assert not (tmp_path / MODEL).exists()
