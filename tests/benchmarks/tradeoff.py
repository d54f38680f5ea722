"""Error against colour: `python tests/benchmarks/tradeoff.py MODEL [KEY=VALUE...] [--out PICTURE]`, by hand.

A head of bins says how probable each colour is. Weights of rebalancing w in training make the answer p w; so an answer
can be given any other strength of rebalancing afterwards (Menon et al. 2021, "Long-tail learning via logit
adjustment", section 4.1). For some strengths and temperatures: ab RMSE and colorfulness on the val photos.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from colorize import backend
from colorize.composing import data_and_evaluation
from colorize.data.sources import read_dataset
from colorize.finding import find_model

UNIFORM = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
TEMPERATURES = (1.0, 0.7, 0.38)


def main(model: str, overrides: list[str], out: Path) -> None:
    """Prints a table and draws it."""
    found = find_model(model, None, None, Path())
    config = data_and_evaluation(found.config, overrides)
    val = read_dataset(config.data).val
    backend.start("tensorflow", "cpu")
    from colorize.models.bins import rebalancing
    from colorize.weights import load_colorizer

    colorizer = load_colorizer(found.file)
    head = colorizer.head
    weights = {u: rebalancing(head.bins, head.config.sigma, u) for u in UNIFORM}
    logits = [Logits(colorizer, val.fitted(), mirrored) for mirrored in (False, True)]
    grey, truth = measured(val.fitted(), np.zeros((*val.fitted().shape[:3], 2), "float32"))
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    print(f"{len(val)} photos: grey {grey:.3f}")
    for temperature in TEMPERATURES:
        points = []
        for uniform, wanted in weights.items():
            shift = np.log(wanted / head.weights).astype("float32")
            ab = np.mean([one.ab(shift, temperature) for one in logits], axis=0)
            error, colour = measured(val.fitted(), ab)
            points.append((error, colour))
            below = f"ab RMSE {error:.3f} ({1 - error / grey:6.1%} below grey)"
            print(f"T {temperature:4.2f}  uniform {uniform:4.2f}  {below}  colorfulness {colour:.1f}")
        axes.plot(*zip(*points), "o-", label=f"temperature {temperature:g}")
        if temperature == 1:
            for uniform, point in zip(weights, points):
                axes.annotate(f"{uniform:g}", point, xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.axvline(grey, color="#8a8a92", label="grey")
    axes.set_xlabel(f"ab RMSE, Lab units, {len(val)} val photos; numbers: head.uniform")
    axes.set_ylabel("colorfulness")
    axes.legend()
    figure.savefig(out, dpi=110)


class Logits:
    """What the network says of some photos, or of their mirror images."""

    def __init__(self, colorizer, rgb: np.ndarray, mirrored: bool):
        self.head, self.mirrored = colorizer.head, mirrored
        rgb = rgb[:, :, ::-1] if mirrored else rgb
        self.parts = [_logits(colorizer, rgb[start : start + 32]) for start in range(0, len(rgb), 32)]

    def ab(self, shift: np.ndarray, temperature: float) -> np.ndarray:
        """float32 (N, H, W, 2), not mirrored any more."""
        from keras import ops

        head = type(self.head)(self.head.config.model_copy(update={"temperature": temperature}), self.head.bins)
        ab = np.concatenate([ops.convert_to_numpy(head.ab(part + shift)) for part in self.parts])
        return ab[:, :, ::-1] if self.mirrored else ab


def _logits(colorizer, rgb: np.ndarray) -> np.ndarray:
    from keras import ops

    from colorize.color import rgb_to_lightness

    return ops.convert_to_numpy(colorizer.output_of(rgb, rgb_to_lightness(np.ascontiguousarray(rgb)), False))


def measured(rgb: np.ndarray, ab: np.ndarray) -> tuple[float, float]:
    """ab RMSE, and the mean colorfulness of what is painted."""
    from keras import ops

    from colorize.color import colorize_lightness, rgb_to_lab
    from colorize.metrics.colorfulness import colorfulness

    squared, colours = [], []
    for start in range(0, len(rgb), 64):
        part = slice(start, start + 64)
        squared.append(np.square(ops.convert_to_numpy(rgb_to_lab(rgb[part]))[..., 1:] - ab[part]).mean(axis=(1, 2, 3)))
        colours.append(ops.convert_to_numpy(colorfulness(colorize_lightness(rgb[part], ab[part]))[0]))
    return float(np.concatenate(squared).mean() ** 0.5), float(np.concatenate(colours).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--out", type=Path, default=Path("tradeoff.png"))
    given = parser.parse_args()
    main(given.model, given.overrides, given.out)
