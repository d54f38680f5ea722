"""`debug=overfit` and `debug=profile`, in whole processes."""

import json
import re

import pytest
from processes import BACKEND, go_on, launch

pytestmark = pytest.mark.slow

SMALL = [
    f"backend={BACKEND}",
    "tracking=off",
    "data.height=16",
    "data.width=32",
    "fusion=none",
    "encoder.filters=[16,32]",
]


def run(folder, *overrides, status=0):
    training = launch(folder, [*SMALL, *overrides, f"hydra.run.dir={folder}"])
    assert training.end() == status, training.written
    return training


def test_one_batch_is_learned_by_heart(tmp_path):
    told = run(tmp_path / "run", "debug=overfit", "trainer.epochs=4", "trainer.num_visualized_photos=0").written
    before, after, fallen = map(float, re.search(r"fell from ([\d.]+) to ([\d.]+), by (\d+)%", told).groups())
    assert fallen >= 90 and fallen == pytest.approx(100 * (1 - after / before), abs=0.6)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["photos"] == {"train": 600, "val": 4} and result["metrics"]["ab_rmse"] < 5


@pytest.mark.once
def test_of_bins_the_loss_falls_to_the_entropy_of_their_soft_targets(tmp_path):
    told = run(tmp_path / "run", "debug=overfit", "head=bins", "trainer.num_visualized_photos=0").written
    after, least = map(float, re.search(r"to ([\d.]+), by \d+%, of which ([\d.]+) is the least", told).groups())
    assert 0 < least <= after < 1.2 * least


@pytest.mark.once
def test_a_network_that_does_not_learn_fails_loudly(tmp_path):
    small = ["trainer.epochs=1", "trainer.overfit_steps=3", "trainer.num_visualized_photos=0"]
    refused = run(tmp_path / "run", "debug=overfit", *small, status=2)
    assert "expected 90%" in refused.refusal and "Traceback" not in refused.written
    assert (tmp_path / "run" / "result.json").exists(), "what it came to is there to be looked at"


def test_a_few_steps_are_traced_and_the_run_can_go_on(tmp_path):
    folder = tmp_path / "run"
    told = run(folder, "debug=profile", "data.max_photos=160", "trainer.epochs=2").written
    assert "5 steps are traced in" in told and "ends at step 15" in told
    (trace,) = (folder / "profile").rglob("*.xplane.pb")
    assert trace.stat().st_size > 10_000
    assert bool(list((folder / "profile").rglob("perfetto_trace.json.gz"))) == (BACKEND == "jax")
    assert json.loads((folder / "result.json").read_text())["epochs"] == 0, "it ended in its first epoch"
    go_on(folder, "trainer.profile_steps=0")
    assert json.loads((folder / "result.json").read_text())["epochs"] == 2
