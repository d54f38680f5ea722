"""Error against colour: `python tests/benchmarks/tradeoff.py MODEL... [--data KEY=VALUE...] [--out PICTURE]`, by hand.

A head of bins says how probable each colour is. Weights of rebalancing w in training make the answer p w; so an answer
can be given any other strength of rebalancing afterwards (Menon et al. 2021, "Long-tail learning via logit
adjustment", section 4.1). For some strengths, and of the first model for some temperatures: ab RMSE and colorfulness on
the val photos. A head of regression is one point. All models must be of one size.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from colorize import backend
from colorize.config.compose import data_and_evaluation
from colorize.config.loss import CrossEntropy
from colorize.data.load import read_dataset
from colorize.hub import find_model

UNIFORM = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
TEMPERATURES = (1.0, 0.7, 0.38)


def main(names: list[str], overrides: list[str], out: Path) -> None:
    """Prints a table and draws it."""
    models = [find_model(name, None, None, Path()) for name in names]
    rgb = read_dataset(data_and_evaluation(models[0].config, overrides).data).val.fitted()
    backend.start("tensorflow", "cpu")
    from colorize.runs.weights import load_colorizer

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    grey, _, truth = measured(rgb, np.zeros((*rgb.shape[:3], 2), "float32"))
    print(f"{len(rgb)} photos: grey {grey:.3f}, colorfulness of the truth {truth:.1f}")
    for number, model in enumerate(models):
        loss = getattr(model.config.loss, "cross_entropy", None)
        title = Path(model.name).name
        answers = [Answers(load_colorizer(model.file), loss, rgb, mirrored) for mirrored in (False, True)]
        if loss is None:
            axes.plot(*line_of(title, answers, rgb, grey, [None], 1.0), "s", label=title)
            continue
        for temperature in TEMPERATURES if number == 0 else TEMPERATURES[:1]:
            points = line_of(title, answers, rgb, grey, UNIFORM, temperature)
            axes.plot(*points, "o-" if temperature == 1 else "o:", label=f"{title}, temperature {temperature:g}")
            if number == 0 and temperature == 1:
                for uniform, point in zip(UNIFORM, zip(*points)):
                    axes.annotate(f"{uniform:g}", point, xytext=(5, -9), textcoords="offset points", fontsize=8)
    axes.axvline(grey, color="#8a8a92", linestyle="--", label="grey")
    axes.axhline(truth, color="#8a8a92", label="the photos themselves")
    axes.set_xlabel(f"ab RMSE, Lab units, {len(rgb)} val photos; numbers: loss.cross_entropy.uniform_fraction")
    axes.set_ylabel("colorfulness")
    axes.legend(fontsize=8)
    figure.savefig(out, dpi=110)


def line_of(name: str, answers: list["Answers"], rgb, grey: float, strengths, temperature: float):
    """Of each strength of rebalancing ab RMSE and colorfulness, two lists; a line of the table each."""
    errors, colours = [], []
    for uniform in strengths:
        ab = np.mean([answer.ab(uniform, temperature) for answer in answers], axis=0)
        error, colour, _ = measured(rgb, ab)
        below = f"ab RMSE {error:.3f} ({1 - error / grey:6.1%} below grey)"
        strength = f"T {temperature:4.2f}  uniform {uniform:4.2f}" if uniform else "regression"
        print(f"{name:20} {strength:21} {below}  colorfulness {colour:.1f}")
        errors.append(error)
        colours.append(colour)
    return errors, colours


class Answers:
    """What a network says of some photos, or of their mirror images."""

    def __init__(self, colorizer, loss: CrossEntropy | None, rgb: np.ndarray, mirrored: bool):
        self.head, self.loss, self.mirrored = colorizer.head, loss, mirrored
        rgb = rgb[:, :, ::-1] if mirrored else rgb
        self.parts = [_outputs(colorizer, rgb[start : start + 32]) for start in range(0, len(rgb), 32)]

    def ab(self, uniform: float | None, temperature: float) -> np.ndarray:
        """float32 (N, H, W, 2), not mirrored any more; uniform: None where nothing can be shifted."""
        from keras import ops

        from colorize.models.color_bins import rebalancing

        head, shift = self.head, 0.0
        if uniform is not None:
            config = head.config.model_copy(update={"temperature": temperature})
            weights = [
                rebalancing(head.bins, self.loss.sigma, share) for share in (uniform, self.loss.uniform_fraction)
            ]
            shift = np.log(weights[0] / weights[1]).astype("float32")
            head = type(head)(config, head.bins)
        ab = np.concatenate([ops.convert_to_numpy(head.ab(part + shift)) for part in self.parts])
        return ab[:, :, ::-1] if self.mirrored else ab


def _outputs(colorizer, rgb: np.ndarray) -> np.ndarray:
    from keras import ops

    from colorize.color import rgb_to_lightness

    return ops.convert_to_numpy(colorizer.parts.output(rgb_to_lightness(np.ascontiguousarray(rgb))))


def measured(rgb: np.ndarray, ab: np.ndarray) -> tuple[float, float, float]:
    """ab RMSE, the mean colorfulness of what is painted, and that of the photos."""
    from keras import ops

    from colorize.color import rgb_to_lab
    from colorize.image_grid import colorize_lightness
    from colorize.metrics.colorfulness import colorfulness

    squared, colours, truth = [], [], []
    for start in range(0, len(rgb), 64):
        part = slice(start, start + 64)
        squared.append(np.square(ops.convert_to_numpy(rgb_to_lab(rgb[part]))[..., 1:] - ab[part]).mean(axis=(1, 2, 3)))
        painted = colorize_lightness(rgb[part], ab[part])
        for found, photos in ((colours, painted), (truth, rgb[part])):
            found.append(ops.convert_to_numpy(colorfulness(photos)[0]))
    error = float(np.concatenate(squared).mean() ** 0.5)
    return error, float(np.concatenate(colours).mean()), float(np.concatenate(truth).mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", nargs="*", default=[], help="KEY=VALUE of data, as `evaluate` takes them")
    parser.add_argument("--out", type=Path, default=Path("tradeoff.png"))
    given = parser.parse_args()
    main(given.models, given.data, given.out)
