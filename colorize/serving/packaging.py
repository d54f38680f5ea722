"""Making a model of MLflow out of an output folder: code, weights, signature, example and requirements."""

import base64
import hashlib
import io
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image

import colorize
from colorize.config import Config, PretrainedBackbone
from colorize.run_folder import BACKBONE, BEST, BINS, CONFIG, load_config
from colorize.serving.requests import COLUMN

NEEDED = (
    "keras",
    "numpy",
    "h5py",
    "pillow",
    "simplejpeg",
    "pydantic",
    "pyyaml",
    "scipy",
    "filelock",
    "mlflow",
    "pandas",
)
"""Packages that painting imports, beside the backend."""


def package(output: Path, into: Path, mlflow_model=None) -> None:
    """Saves a model of MLflow's `python_function` kind.

    Args:
        output: an output folder.
        into: a folder that is made.
        mlflow_model: `mlflow.models.Model` with what MLflow knows of it already.
    Raises:
        OSError: a file is not there, or cannot be written.
        ValueError: the backbone's weights are another file than in training.
    """
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema

    signature = ModelSignature(Schema([ColSpec(AnyType(), COLUMN)]), Schema([ColSpec(DataType.binary, "png")]))
    with tempfile.TemporaryDirectory(prefix="colorize-model-") as place:
        files = Path(place) / "colorizer"
        files.mkdir()
        for name in (CONFIG, BEST, BINS):
            if name != BINS or (output / name).exists():
                shutil.copyfile(output / name, files / name)
        config = load_config(output)
        _copy_backbone(config, files)
        code = Path(place) / "code" / "colorize"
        shutil.copytree(Path(colorize.__file__).parent, code, ignore=shutil.ignore_patterns("__pycache__"))
        save_model(
            path=str(into),
            python_model=str(code / "serving" / "model.py"),
            artifacts={"colorizer": str(files)},
            code_paths=[str(code)],
            pip_requirements=requirements(config.backend),
            signature=signature,
            input_example=_example(),
            mlflow_model=mlflow_model,
        )


def _copy_backbone(config: Config, files: Path) -> None:
    """Puts the weights of a backbone that are a file beside those of the network.

    No other file than the one that the model was trained with: a configuration may come from a stranger.
    """
    backbone = config.backbone
    if not isinstance(backbone, PretrainedBackbone) or not backbone.of_a_file:
        return
    data = Path(backbone.weights).read_bytes()
    if hashlib.sha256(data).hexdigest() != backbone.sha256:
        raise ValueError(f"backbone.weights={backbone.weights} is another file than in training")
    (files / BACKBONE).write_bytes(data)


def requirements(backend: str) -> list[str]:
    """What must be installed to paint, in the versions of this machine."""
    owner = metadata.packages_distributions().get(backend, [backend])[0]  # perhaps tensorflow-cpu
    return [f"{name}=={metadata.version(name)}" for name in (*NEEDED, owner)]


def _example():
    """A request: a small grey picture, as it goes over HTTP."""
    import pandas as pd

    content = io.BytesIO()
    Image.fromarray(np.tile(np.arange(48, dtype="uint8") * 5, (32, 1))).save(content, "PNG")
    return pd.DataFrame({COLUMN: [base64.b64encode(content.getvalue()).decode()]})
