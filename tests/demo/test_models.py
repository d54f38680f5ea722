"""The models that the demo offers."""

import pytest

from colorize.demo.models import models_for

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what draws the page


def test_the_models_are_those_named_or_registered_and_the_one_in_the_box(model_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (called,) = models_for([str(model_folder)], None)[0].choices.values()
    assert "trained on" in called
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    (called,) = models_for([], uri)[0].choices.values()
    assert called.startswith("photos: trained on 9,")


def test_of_registered_models_champions_come_first_and_a_strangers_is_left_out(logged, tmp_path):
    for name, score in (("a", 12.0), ("b", 11.0), ("c", 13.0)):
        logged(name, score, register="ours")
    (tmp_path / "foreign").mkdir()
    logged.client.create_registered_model("abc")
    logged.client.create_model_version("abc", (tmp_path / "foreign").as_uri())
    logged.client.set_registered_model_alias("abc", "champion", "1")
    models, (sentence,) = models_for([], logged.uri)
    assert list(models.choices) == ["models:/ours/2", "models:/ours/3", "models:/ours/1", "pretrained"]
    assert models.choices["models:/ours/2"] == "ours version 2, champion"
    assert sentence.startswith("abc version 1, champion is left out: ")
