"""How fast the metrics are: `python tests/benchmarks/metrics.py CIFAR_FOLDER`, by hand, on an idle machine.

All metrics but LPIPS and FID of one predictor on CIFAR-10 test (10,000 pictures of 32 x 32): our code, compilation
included, against a loop over the pictures with scikit-image, of which the first pictures stand for all.
"""

import sys
import time
import warnings

import numpy as np
from skimage import color, metrics

from colorize import backend

PICTURES_OF_LOOP = 1000


def main(root: str) -> None:
    """Prints seconds of both, and that they agree."""
    backend.start("tensorflow", "cpu")
    from colorize.command_line import composed
    from colorize.data.sources import read_dataset
    from colorize.evaluation.measure import measure

    config = composed(["data=cifar10", f"data.root={root}"])
    photos = read_dataset(config.data, test=True).test
    half = lambda rgb: (color.rgb2lab(rgb)[..., 1:] / 2).astype("float32")  # noqa: E731
    predicted = {part.start: half(rgb) for part, rgb in photos.batches(512)}
    predictions = iter([predicted[start] for start in sorted(predicted)])
    start = time.perf_counter()
    ours = measure({"ours": lambda rgb: next(predictions)}, photos, config.evaluation, 512, lambda done: None)
    seconds = time.perf_counter() - start
    print(f"ours: {seconds:.2f} s for {len(photos):,} pictures")

    rgb, ab = photos.fitted(slice(0, PICTURES_OF_LOOP)), np.concatenate(list(predicted.values()))[:PICTURES_OF_LOOP]
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image's, of colours outside of the gamut
        rows = [numbers(*pair) for pair in zip(rgb, ab)]
    loop = (time.perf_counter() - start) * len(photos) / PICTURES_OF_LOOP
    print(f"scikit-image, picture by picture: {loop:.1f} s for as many; ours is {loop / seconds:.1f} x as fast")
    for name, column in zip(NAMES, np.array(rows).T):
        difference = np.abs(column - ours.values["ours"][name][:PICTURES_OF_LOOP]).max()
        print(f"  {name:<18} differs by at most {difference:.1e}")


NAMES = ("ab_rmse", "ab_mae", "rgb_rmse", "ssim", "ciede2000", "auc", "colorfulness", "colorfulness_abs")


def numbers(rgb: np.ndarray, ab: np.ndarray) -> list[float]:
    """What `PhotoMetrics` computes of a picture; `auc_balanced` is a second histogram."""
    lab = color.rgb2lab(rgb)
    painted = np.round(color.lab2rgb(np.concatenate([lab[..., :1], ab], axis=-1)) * 255).astype("uint8")
    error = lab[..., 1:] - ab
    distance = np.sqrt((error**2).sum(axis=-1))
    similarity = metrics.structural_similarity(
        rgb, painted, gaussian_weights=True, use_sample_covariance=False, data_range=255, channel_axis=-1
    )
    _auc(distance, np.ones_like(distance) * 2)
    colorfulness(rgb), colorfulness(rgb, np.abs)
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
