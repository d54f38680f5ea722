"""A model in one file: weights as safetensors, and in the file's metadata all that must be known to use them.

Neither Keras nor a backend is needed to look at what a file says of itself; for the weights, see `weights`.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_validator
from safetensors import SafetensorError, safe_open
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from colorize.config.base import Values
from colorize.config.schema import Config, from_stored
from colorize.errors import UserError
from colorize.metrics.summary import OURS, gain_in_words, gain_over

MODEL = "model.safetensors"
"""Of the best weights, in an output folder and among the files of a logged model."""

BOX = Path(__file__).parent.parent / "box" / "photos.safetensors"
"""The model that comes with the package, taken where none is named."""

PRETRAINED = "pretrained"
"""Names it: init=pretrained, --model pretrained."""

KEY = "colorize"
"""Of the metadata: one JSON."""

OLD = "best.weights.h5"
"""What a run of version 0.1 left."""

FORMAT = 1
"""Of what stands there."""

Colour = tuple[FiniteFloat, FiniteFloat]
Share = Annotated[FiniteFloat, Field(ge=0)]


class Photos(TypedDict):
    """How many photos."""

    train: int
    val: int


class About(BaseModel):
    """What a model file says of itself.

    Attributes:
        format: of these fields.
        name: what the model is called on the screen.
        date: when it was written, YYYY-MM-DD.
        config: the configuration of its training, as nested plain values; see `shared`.
        bins: of a head that classifies: of each bin a, b (Lab units) and its share of the training pixels; else None.
        data: name of the data set.
        data_digest: of its photos.
        photos: how many were in each part of it.
        epochs: how many were trained; None while the run goes on, and of models before 2026-11-29: as configured.
        metrics: predictor (ours, and the trivial ones) -> metric -> value, on val; empty while the run goes on.
        truth: colorfulness of the val photos themselves.
        mean_ab: the trivial predictor of that name: a, b; None while the run goes on.
        ab_given_lightness: another: a, b of each integer L from 0 to 100.
        versions: of what trained it.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    format: int = FORMAT
    name: str
    date: str
    config: Values
    bins: Annotated[list[tuple[FiniteFloat, FiniteFloat, Share]], Field(min_length=1)] | None
    data: str
    data_digest: str
    photos: Photos
    epochs: int | None = None
    metrics: dict[str, dict[str, float]] = {}
    truth: dict[str, float] = {}
    mean_ab: Colour | None = None
    ab_given_lightness: Annotated[list[Colour], Field(min_length=101, max_length=101)] | None = None
    versions: dict[str, str] = {}

    @property
    def description(self) -> str:
        """The model in a line, for the screen: name, photos, epochs, date, and how far it is from the best baseline."""
        photos = f"trained on {self.photos['train']:,} photos ({self.data})"
        number = self.config["trainer"]["epochs"] if self.epochs is None else self.epochs
        epochs = f"{number} epochs" if self.metrics else "unfinished"
        return f"{self.name}: {', '.join([photos, epochs, self.date, *self._gain()])}"

    def _gain(self) -> list[str]:
        errors = {name: values["ab_rmse"] for name, values in self.metrics.items() if "ab_rmse" in values}
        ours = errors.pop(OURS, None)
        if ours is None or not errors:
            return []
        return [f"val ab RMSE {gain_in_words(gain_over(ours, errors.values()))}"]

    @field_validator("format")
    @classmethod
    def _known(cls, format: int) -> int:
        if format != FORMAT:
            raise ValueError(f"it is of format {format}, and this version of colorize reads format {FORMAT}")
        return format

    def metadata(self) -> dict[str, str]:
        """As it stands in the file."""
        return {KEY: self.model_dump_json(), "format": "np"}


def shared(config: Config) -> Values:
    """A configuration as it may be given to others: without paths of this machine, and without a tracking server.

    `config.yaml` in an output folder has them.
    """
    stored = config.stored()
    own = {"data": ("root", "cache"), "evaluation": ("lpips_weights", "inception_weights")}
    for group, keys in own.items():
        stored[group] |= {key: None for key in keys if key in stored[group]}
    for group in ("encoder", "backbone"):
        if "weights" in stored[group]:
            stored[group] |= {"weights": Path(stored[group]["weights"]).name}
    return stored | {"init": None, "tracking": {"name": "off"}}


def model_path(place: Path) -> Path:
    """The model file at a place: the file itself, or the one in an output folder.

    Raises:
        UserError: there is none.
    """
    path = place / MODEL if place.is_dir() else place
    if path.is_file():
        return path
    if (place / OLD).is_file():
        raise UserError(
            f"{place} was trained by version 0.1 of colorize, whose files ({OLD}) are no longer read: train it again"
        )
    raise UserError(
        f"{place} is no trained model: {MODEL} not found there; expected the output folder of a finished `python"
        " train.py`, or such a file"
    )


def init_path(init: str) -> Path:
    """The model that `init` names: the one in the box, a file, or an output folder."""
    return BOX if init == PRETRAINED else Path(init)


def read_about(place: Path) -> About:
    """What the model at a place says of itself.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = model_path(place)
    try:
        with safe_open(path, "np") as file:
            return About.model_validate_json(file.metadata()[KEY])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise UserError(f"{path} is no model file of colorize, or damaged: {what}") from None


def read_config(place: Path) -> Config:
    """The configuration of the model at a place.

    Raises:
        UserError: there is none, it is damaged, or of another version.
    """
    return from_stored(read_about(place).config, str(model_path(place)))
