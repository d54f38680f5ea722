"""The code that MLflow keeps with a model and runs to load it: no pickle, and nothing that its user must import."""

import warnings
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR


class PaintingModel(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined]  # a module that is loaded lazily
    """Photos in, photos out; see `colorize.serving.requests`."""

    def load_context(self, context):
        """Loads the weights."""
        from colorize.inference.load import pipeline_of

        warnings.filterwarnings("ignore", module="PIL")  # of odd metadata; here, since threads share such filters
        self.pipeline = pipeline_of(Path(context.artifacts["colorizer"]))

    def predict(self, context, model_input: pd.DataFrame, params: dict | None = None) -> pd.DataFrame:
        """Paints the photos in the column `image`; a column `png` comes back. The parameter `saturation`: 0 to 2."""
        from colorize.errors import NotUsable
        from colorize.serving.requests import COLUMN, SATURATION, colorized

        saturation = (params or {}).get(SATURATION, 1.0)
        try:
            return pd.DataFrame({"png": colorized(self.pipeline, list(model_input[COLUMN]), saturation)})
        except NotUsable as error:
            raise MlflowException(str(error), error_code=BAD_REQUEST) from None
        except Exception as error:  # MLflow would answer with a trace, and with this machine's paths in it
            message = f"this request cannot be painted ({type(error).__name__})"
            raise MlflowException(message, error_code=INTERNAL_ERROR) from None


mlflow.models.set_model(PaintingModel())
