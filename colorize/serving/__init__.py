"""A trained colorizer as a model of MLflow: loaded by `mlflow.pyfunc.load_model`, served by `mlflow models serve`."""
