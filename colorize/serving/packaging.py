"""Making a model of MLflow out of an output folder: code, weights, signature, example and requirements."""

import base64
import io
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image

from colorize.runs.model_file import MODEL, read_config
from colorize.serving.requests import COLUMN, SATURATION

NEEDED = (
    "keras",
    "numpy",
    "safetensors",
    "pillow",
    "simplejpeg",
    "tifffile",
    "imagecodecs",
    "jaxtyping",
    "pydantic",
    "pyyaml",
    "scipy",
    "filelock",
    "mlflow",
    "pandas",
)
"""Packages that painting imports, beside the backend; the TIFF readers only when such a file comes."""


def package(output: Path, into: Path, mlflow_model=None) -> None:
    """Saves a model of MLflow's `python_function` kind.

    Args:
        output: an output folder.
        into: a folder that is made.
        mlflow_model: `mlflow.models.Model` with what MLflow knows of it already.
    Raises:
        OSError: a file is not there, or cannot be written.
        UserError: there is no model.
    """
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types.schema import AnyType, ColSpec, DataType, ParamSchema, ParamSpec, Schema

    signature = ModelSignature(
        Schema([ColSpec(AnyType(), COLUMN)]),
        Schema([ColSpec(DataType.binary, "png")]),
        ParamSchema([ParamSpec(SATURATION, DataType.double, 1.0)]),
    )
    with tempfile.TemporaryDirectory(prefix="colorize-model-") as place:
        code = Path(place) / "code" / "colorize"
        shutil.copytree(
            Path(__file__).parent.parent, code, ignore=shutil.ignore_patterns("__pycache__", "box", "resources")
        )
        save_model(
            path=str(into),
            python_model=str(code / "serving" / "model.py"),
            artifacts={"colorizer": str(output / MODEL)},
            code_paths=[str(code)],
            pip_requirements=requirements(read_config(output).backend),
            signature=signature,
            input_example=_example(),
            mlflow_model=mlflow_model,
        )


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
