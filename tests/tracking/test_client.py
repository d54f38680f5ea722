"""Experiments and the place of artifacts in an MLflow."""

import pytest

from colorize.tracking.client import StoredRuns
from colorize.tracking.views import experiment_tags

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports


def test_an_experiment_of_before_gets_the_view_of_results_and_keeps_what_was_chosen(stored):
    uri, client = stored
    chosen = {"mlflow.experimentKind": "genai_development", "team": "ours"}
    created = client().create_experiment("old", tags=chosen)
    assert client().get_run(StoredRuns(uri).start("old", "a sweep", {})).info.experiment_id == created
    tags = client().get_experiment(created).tags
    assert tags.items() >= (experiment_tags(created) | chosen).items()
