"""How fast the metrics are: `python tests/benchmarks/metrics.py CIFAR_FOLDER`, by hand, on an idle machine.

All metrics but LPIPS and FID on CIFAR-10 test (10,000 pictures of 32 x 32), of four predictors as an evaluation has
them, and of one: our code, compilation included, against a loop over the pictures with scikit-image, of which the
first pictures stand for all. The loop computes what belongs to the truth alone once for all predictors.
"""

import sys
import time
import warnings

import numpy as np
from skimage import color, metrics

from colorize import backend

PICTURES_OF_LOOP = 500
SHARES = (0.5, 0.0, 0.25, 0.9)
BATCH = 256


def main(root: str) -> None:
    """Prints seconds of both, and that they agree."""
    backend.start("tensorflow", "cpu")
    from colorize.config.compose import composed
    from colorize.data.load import read_dataset

    config = composed(["data=cifar10", f"data.root={root}"])
    photos = read_dataset(config.data, test=True).test
    ab = color.rgb2lab(photos.fitted())[..., 1:].astype("float32")
    for number in (len(SHARES), 1):
        compare(photos, {f"{share} of the truth": share * ab for share in SHARES[:number]}, config.evaluation)


def compare(photos, predicted: dict[str, np.ndarray], evaluation) -> None:
    """Prints what some predictors take, with our code and with the loop."""
    from colorize.evaluation.predictors import run_predictors

    places = {name: iter(range(0, len(photos), BATCH)) for name in predicted}
    predictors = {
        name: lambda rgb, name=name: predicted[name][(start := next(places[name])) : start + len(rgb)]
        for name in predicted
    }
    start = time.perf_counter()
    ours = run_predictors(predictors, photos, evaluation, BATCH, lambda done: None)
    seconds = time.perf_counter() - start
    rgb = photos.fitted(slice(0, PICTURES_OF_LOOP))
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image's, of colours outside of the gamut
        rows = [numbers(picture, [ab[i] for ab in predicted.values()]) for i, picture in enumerate(rgb)]
    loop = (time.perf_counter() - start) * len(photos) / PICTURES_OF_LOOP
    print(
        f"{len(predicted)} predictor(s), {len(photos):,} pictures: ours {seconds:.2f} s, scikit-image picture by"
        f" picture {loop:.1f} s, {loop / seconds:.1f} x as long"
    )
    for place, name in enumerate(NAMES):
        columns = [ours.values[predictor][name][:PICTURES_OF_LOOP] for predictor in predicted]
        difference = np.abs(np.array(rows)[:, :, place].T - columns).max()
        print(f"  {name:<18} differs by at most {difference:.1e}")


NAMES = ("ab_rmse", "ab_mae", "rgb_rmse", "ssim", "ciede2000", "auc", "colorfulness", "colorfulness_abs")


def numbers(rgb: np.ndarray, predicted: list[np.ndarray]) -> list[list[float]]:
    """What `PhotoMetrics` computes of a picture, for each predictor; `auc_balanced` is a second histogram."""
    lab = color.rgb2lab(rgb)
    colorfulness(rgb), colorfulness(rgb, np.abs)
    return [_numbers(rgb, lab, ab) for ab in predicted]


def _numbers(rgb: np.ndarray, lab: np.ndarray, ab: np.ndarray) -> list[float]:
    painted = np.round(color.lab2rgb(np.concatenate([lab[..., :1], ab], axis=-1)) * 255).astype("uint8")
    error = lab[..., 1:] - ab
    distance = np.sqrt((error**2).sum(axis=-1))
    similarity = metrics.structural_similarity(
        rgb, painted, gaussian_weights=True, use_sample_covariance=False, data_range=255, channel_axis=-1
    )
    _auc(distance, np.ones_like(distance) * 2)
    return [
        np.sqrt((error**2).mean()), np.abs(error).mean(), np.sqrt(metrics.mean_squared_error(rgb, painted)), similarity,
        color.deltaE_ciede2000(lab, color.rgb2lab(painted)).mean(), _auc(distance, np.ones_like(distance)),
        colorfulness(painted), colorfulness(painted, np.abs),
    ]  # fmt: skip


def _auc(distance: np.ndarray, weights: np.ndarray) -> float:
    counts, _ = np.histogram(np.ceil(distance), np.arange(152) - 0.5, weights=weights)
    return float(np.trapezoid(np.cumsum(counts) / weights.sum()) / 150)


def colorfulness(rgb: np.ndarray, first=lambda values: values) -> float:
    """Hasler and Suesstrunk 2003, section 7."""
    red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)
    rg, yb = first(red - green), first((red + green) / 2 - blue)
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


if __name__ == "__main__":
    main(sys.argv[1])
