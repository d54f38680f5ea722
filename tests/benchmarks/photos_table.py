"""Table of encoders and losses: `python tests/benchmarks/photos_table.py PHOTOS MODEL... [KEY=VALUE...]`, by hand.

What `evaluate` measures, of several models in one pass over the test photos of the folder that `photos.py` made: photos
and baselines are measured once, which with FID is most of the work. KEY=VALUE: of `evaluation`, for example
`evaluation.perceptual=true` with the two files of weights. With KERAS_BACKEND=jax and DEVICE=gpu on a graphics card.
"""

import os
import sys
from pathlib import Path

from colorize import backend
from colorize.config.compose import composed
from colorize.data.load import read_dataset
from colorize.hub import find_model

COLUMNS = {
    "ab_rmse": 3, "auc": 4, "auc_balanced": 4, "ciede2000": 3, "lpips": 4, "fid": 1, "colorfulness": 1,
}  # fmt: skip
AT_ONCE = 64


def main(photos: str, names: list[str], overrides: list[str]) -> None:
    """Prints a line of Markdown for each predictor, the baselines first."""
    config = composed(["experiment=photos", f"data.root={photos}", "data.val_fraction=0.05", *overrides])
    models = {name: find_model(name, None, None, Path()).file for name in names}
    dataset = read_dataset(config.data, test=True)
    backend.start(os.environ.get("KERAS_BACKEND", "tensorflow"), os.environ.get("DEVICE", "cpu"))
    from colorize.console import progress
    from colorize.evaluation.evaluate import learned_baselines
    from colorize.evaluation.predictors import run_predictors
    from colorize.inference.predict import predictor
    from colorize.runs.weights import load_colorizer

    predictors = learned_baselines(dataset, "test").predictors
    for name, file in models.items():
        predictors[name] = predictor(load_colorizer(file).predict_on_batch, config.evaluation.flip_tta)
    with progress("measuring", 2 * len(dataset.test)) as advance:
        measured = run_predictors(predictors, dataset.test, config.evaluation, AT_ONCE, advance)
    columns = {name: digits for name, digits in COLUMNS.items() if name in measured.metrics["grey"]}
    print(f"{len(dataset.test)} photos; colorfulness of the truth {measured.truth['colorfulness']:.1f}")
    print("|".join(["", "", *columns, ""]))
    for name, metrics in measured.metrics.items():
        print("|".join(["", name, *[f"{metrics[column]:.{digits}f}" for column, digits in columns.items()], ""]))


if __name__ == "__main__":
    folder, *rest = sys.argv[1:]
    keys = [text for text in rest if "=" in text]
    main(folder, [text for text in rest if text not in keys], keys)
