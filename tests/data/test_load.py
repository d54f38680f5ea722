"""From a configuration to its photos in parts."""

import pytest
from messages import refused
from sampling import data

from colorize.data.folder import SAMPLE
from colorize.data.load import read_dataset

pytestmark = pytest.mark.once


def test_the_sample_has_its_attribution_and_is_split_by_about_a_fifth():
    listed = (SAMPLE / "ATTRIBUTION.csv").read_text().splitlines()[1:]
    files = {line.split(",")[0] for line in listed}
    assert files == {f"photos/{path.name}" for path in (SAMPLE / "photos").iterdir()}
    sample = read_dataset(data())
    assert len(sample.train) + len(sample.val) == len(files) == 292
    assert 0.15 < len(sample.val) / 292 < 0.25


def test_a_missing_and_an_empty_folder_get_a_sentence(tmp_path):
    with refused("data.root.missing"):
        read_dataset(data(root=str(tmp_path / "nowhere")))
    with refused("data.root.empty", folder=tmp_path):
        read_dataset(data(root=str(tmp_path)))
