"""`python -m colorize evaluate`: from a model's name to its numbers, on the screen, on disk and in MLflow."""

import csv
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from colorize import backend
from colorize.cli.paths import quote_path
from colorize.config.compose import data_and_evaluation, parse
from colorize.config.schema import Config, changed_temperature, with_temperature
from colorize.console import say, show
from colorize.data.dataset import ALL, Dataset
from colorize.data.load import is_declared, read_dataset
from colorize.errors import UserError
from colorize.evaluation import check_perceptual
from colorize.hub import FoundModel, find_model

OF_OWN_DATA = {
    "train": "The model was trained on these same photos: this says nothing about others.",
    "val": "The checkpoint was chosen by these same photos: read the numbers as a little too good.",
    ALL: "The model was trained on some of these photos, and its checkpoint was chosen by others of them.",
    "test": "Neither training nor the choice of the checkpoint has seen these photos.",
}
"""Part of the data that a model was trained with -> what that means for its numbers."""

OTHER_PHOTOS = ("data", "data.root")
"""Keys of overrides by which other photos are evaluated than those that the model was trained with."""


def evaluate(
    names: list[str | None], overrides: list[str], split: str | None, out: Path | None, tracking: str | None,
    device: str, temperature: float | None = None,
):  # fmt: skip
    """Evaluates models and prints of each the table, the protocol and where everything is.

    Args:
        names: of the models, see `find_model`; None: the one in the box; all are found before the first is evaluated.
        overrides: of `data` and `evaluation`; without any, the model's own data.
        split: train, val, test, or all of them; None: of other photos than the model's own, all, or a folder `test/`
            where there is one; of its own, test where there is one, else val.
        out: folder for the evaluation; None: the model's.
        tracking: URI of MLflow for models that are no folder.
        device: cpu or gpu.
        temperature: of a head of bins; None: as it was trained.
    """
    with tempfile.TemporaryDirectory(prefix="colorize-model-") as place:
        models = [find_model(name, tracking, out, Path(tempfile.mkdtemp(dir=place))) for name in names]
        configs = [with_temperature(model.config, temperature) for model in models]
        for model, own in zip(models, configs):
            _evaluate(model, own, overrides, split, device)


def _evaluate(model: FoundModel, own: Config, overrides: list[str], split: str | None, device: str) -> None:
    overrides = [quote_path(override) for override in overrides]
    config = data_and_evaluation(own, overrides)
    check_perceptual(config.evaluation)
    of_others = any(override.key_or_group in OTHER_PHOTOS for override in parse(overrides))
    dataset = read_dataset(config.data, split in (None, "test", ALL), needs_parts=not of_others and split != ALL)
    part = _part(dataset, split, of_others)
    for line in dataset.summary():
        print(line)
    backend.start(backend.wanted(own.backend), device)
    from colorize.evaluation.evaluate import EvaluatedModel, evaluate, learned_baselines, own_baselines
    from colorize.inference.predict import predict_ab, predictor, resize_mode_of
    from colorize.runs.weights import load_colorizer

    temperature = changed_temperature(own, model.config)
    colorizer = load_colorizer(model.file, temperature)
    seen = chosen_by(model, dataset, part)
    resize_mode = resize_mode_of(own.data)
    predict = predictor(lambda rgb: predict_ab(colorizer, rgb, resize_mode), config.evaluation.flip_tta)
    evaluated = EvaluatedModel(predict, model.name, colorizer.network, seen, temperature, resize_mode)
    has_own = part == ALL or of_others and model.about.mean_ab is not None
    baselines = own_baselines(model.about) if has_own else learned_baselines(dataset, part)
    evaluation, folder = evaluate(evaluated, config, dataset, part, model.out, baselines)
    console = Console()
    show(console, evaluation.table())
    for sentence in evaluation.protocol:
        say(console, f"- {sentence}")
    say(console, f"results   {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    _log(model, evaluation, folder, console)
    if model.comparable:
        say(console, f"compare   python -m colorize compare {model.comparable} ANOTHER...")


def _part(dataset: Dataset, split: str | None, of_others: bool) -> str:
    """The part that is evaluated.

    Raises:
        UserError: it is not there, or has no photos.
    """
    if split == "test" and dataset.test is None:
        raise UserError(
            f"--split test: {dataset.source} has no test part; give data.test_fraction=SHARE where the split is"
            " by content, or a folder test/, or take --split val"
        )
    has_test = dataset.test is not None and (not of_others or is_declared(dataset.test, "test"))
    part = split or ("test" if has_test else ALL if of_others else "val")
    if not len(dataset.part(part)):
        raise UserError(
            f"--split {part}: {dataset.source} has no photos in that part; --split all evaluates all of them"
        )
    return part


def chosen_by(model: FoundModel, dataset: Dataset, part: str) -> str:
    """What the training has seen of the photos that the model is evaluated on, as a sentence for the protocol."""
    if model.about.data_digest == dataset.digest:
        return OF_OWN_DATA[part]
    other = "Other photos, another size or another split than the model was trained with"
    seen = _seen(model, dataset.part(part).hashes)
    if seen is None:
        return f"{other}; whether it saw some of these is not known."
    return f"{other}: it was trained on {seen['train']} of these, and its checkpoint was chosen by {seen['val']}."


def _seen(model: FoundModel, hashes: Iterable[str]) -> Counter | None:
    """How many of some photos each part of the model's own data had."""
    if model.manifest is None:
        return None
    with open(model.manifest, newline="", encoding="utf-8") as file:
        part_of = {row["sha256"]: row["split"] for row in csv.DictReader(file)}
    return Counter(part_of.get(sha256) for sha256 in hashes)


def _log(model: FoundModel, evaluation, folder: Path, console: Console) -> None:
    if not model.run_id or not model.tracking_uri:
        say(console, "MLflow    this model has no run there: nothing was logged")
        return
    from colorize.tracking.client import StoredRuns

    metrics = {f"evaluation {evaluation.name}/{key}": value for key, value in evaluation.headline().items()}
    try:
        StoredRuns(model.tracking_uri).add(model.run_id, metrics, folder, f"evaluation/{evaluation.name}")
        say(console, f"MLflow    added to the run {model.run_id}")
    except UserError as error:  # the numbers are there all the same
        say(console, f"MLflow    {error}")
