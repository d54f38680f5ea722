"""A run's model at work elsewhere: who can load it."""

import json
import os
import re
import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest
from photo_bytes import file_of, opened

from colorize.inference.load import pipeline_of
from colorize.runs.layout import load_config
from colorize.serving.packaging import NEEDED

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore")]  # of what MLflow imports

CALLER = """
import json, pathlib, sys
import mlflow
assert "colorize" not in sys.modules
model = mlflow.pyfunc.load_model(sys.argv[1])
photos = [{"image": pathlib.Path(sys.argv[2])}]
assert model.predict(photos, params={"saturation": 0.0})["png"][0] != model.predict(photos)["png"][0]
table = model.predict(photos)
pathlib.Path(sys.argv[3]).write_bytes(table["png"][0])
import importlib.metadata as metadata
owners = metadata.packages_distributions()
print(json.dumps([sys.modules["colorize"].__file__, sorted({o for m in sys.modules for o in owners.get(m, [])})]))
"""


def needed_by(names) -> set[str]:
    """Some packages and all that they need."""
    from packaging.requirements import Requirement

    found, left = set(), list(names)
    while left:
        name = left.pop().lower().replace("_", "-").replace(".", "-")
        if name in found:
            continue
        try:
            wanted = [Requirement(text) for text in metadata.requires(name) or []]
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        left += [r.name for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


@pytest.mark.slow
def test_a_caller_needs_mlflow_and_the_pinned_packages_alone(logged, noise, tmp_path, model_folder):
    tracker = logged("a", register="colorizer")
    (tmp_path / "photo.png").write_bytes(file_of(noise(20, 30)))
    environment = {**os.environ, "MLFLOW_TRACKING_URI": logged.uri}
    environment.pop("PYTHONPATH", None)
    arguments = ["models:/colorizer@champion", str(tmp_path / "photo.png"), str(tmp_path / "painted.png")]
    done = subprocess.run([sys.executable, "-c", CALLER, *arguments], env=environment, cwd=tmp_path,
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    expected = np.asarray(pipeline_of(model_folder).paint(noise(20, 30)))
    np.testing.assert_array_equal(opened((tmp_path / "painted.png").read_bytes()), expected)
    code, used = json.loads(done.stdout.splitlines()[-1])
    assert code.endswith("code/colorize/__init__.py"), "the code that was kept with the model"
    allowed = needed_by([*NEEDED, load_config(tracker.output).backend]) | {"colorize"}
    ours = {re.match(r"[\w.-]+", text)[0].lower() for text in metadata.requires("colorize") if "extra ==" not in text}
    ours -= {"psutil"}  # MLflow takes it where it is
    unlisted = ours & {name.lower().replace("_", "-").replace(".", "-") for name in used} - allowed
    assert not unlisted, unlisted
