"""Makes the model in the box, or another like it:

    python tests/benchmarks/box.py MODEL --uniform U --temperature T --out FILE --data KEY=VALUE...

By hand, out of a model of experiment=photos: another strength of rebalancing, another temperature (see `tradeoff.py`),
kernels in float16, no path of the machine that trained it; with the metrics of this very model on the val photos.
"""

import argparse
from pathlib import Path

import numpy as np

from colorize import backend
from colorize.config.compose import data_and_evaluation
from colorize.data.load import read_dataset
from colorize.hub import find_model
from colorize.runs.model_file import BOX, read_about, shared


def main(model: str, uniform: float, temperature: float, overrides: list[str], out: Path) -> None:
    """Writes it into a file."""
    found = find_model(model, None, None, Path())
    file, about, trained = found.file, read_about(found.file), found.config
    config = data_and_evaluation(trained, overrides)
    dataset = read_dataset(config.data)
    backend.start("tensorflow", "cpu")
    from colorize.evaluation.evaluate import learned_baselines
    from colorize.evaluation.predictors import run_predictors
    from colorize.inference.predict import predictor
    from colorize.models.color_bins import rebalancing
    from colorize.runs.weights import load_colorizer, save_model

    colorizer = load_colorizer(file, temperature)
    head, loss = colorizer.head, trained.loss.cross_entropy
    weights = [rebalancing(head.bins, loss.sigma, share) for share in (uniform, loss.uniform_fraction)]
    bias = colorizer.network.get_layer("head_logits").bias
    bias.assign(bias.numpy() + np.log(weights[0] / weights[1]).astype("float32"))

    baselines = learned_baselines(dataset, "val")
    predict = predictor(colorizer.predict_on_batch, config.evaluation.flip_tta)
    plain = config.evaluation.model_copy(update={"perceptual": False})
    measured = run_predictors({**baselines.predictors, "ours": predict}, dataset.val, plain, 64, lambda done: None)
    stored = shared(trained)
    stored["loss"]["cross_entropy"] |= {"uniform_fraction": uniform}
    stored["head"] |= {"temperature": temperature}
    about = about.model_copy(
        update={
            "name": BOX.stem, "data": "Imagenette and landscapes", "config": stored, "metrics": measured.metrics,
            "truth": measured.truth, **baselines.tables,
        }
    )  # fmt: skip
    save_model(colorizer, out, about, half=True)
    ours, grey = measured.metrics["ours"], measured.metrics["grey"]
    print(
        f"{out}: {out.stat().st_size / 1e6:.1f} MB; {len(dataset.val)} val photos: ab RMSE {ours['ab_rmse']:.3f}"
        f" ({1 - ours['ab_rmse'] / grey['ab_rmse']:.1%} below grey), colorfulness {ours['colorfulness']:.1f} of"
        f" {measured.truth['colorfulness']:.1f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--uniform", type=float, required=True)
    parser.add_argument("--temperature", type=float, required=True)
    parser.add_argument("--data", nargs="*", default=[], help="KEY=VALUE of data, as `evaluate` takes them")
    parser.add_argument("--out", type=Path, required=True, help=f"file for it; {BOX.name} of the package is the box")
    given = parser.parse_args()
    main(given.model, given.uniform, given.temperature, given.data, given.out)
