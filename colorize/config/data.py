"""The photos: where they come from, how they are prepared, what training does to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from colorize.config import urls
from colorize.config.base import Option, Positive, Section, Share
from colorize.config.messages import Problem

if TYPE_CHECKING:
    from colorize.config.schema import Config


class Augmentation(Section):
    """What is done to a training photo; the held-out photos are only resized."""

    min_crop_scale: Annotated[float, Field(gt=0, le=1)]
    """Smallest side of the random crop, as a share of the largest crop that fits; 1 never crops."""
    flip_probability: Annotated[float, Field(ge=0, le=1)]
    """Probability that a photo is mirrored left to right."""
    max_exposure_stops: Annotated[float, Field(ge=0, le=3)]
    """Lightness jitter: the light is scaled by up to this many stops, up or down (0: never)."""
    mixup_probability: Annotated[float, Field(ge=0, le=1)]
    """Probability that a batch is mixed with itself in another order, like a double exposure."""
    on: Literal["auto", "host", "device"]
    """Where it is done: by the host's threads ahead of the step, or by the device within the step, as a GPU does that
    would wait otherwise. auto: on the device where that is a GPU."""


def place_of_augmentation(on: str, device: str) -> str:
    """`host` or `device`: what `on` comes to where a device of that kind (cpu or gpu) trains."""
    if on != "auto":
        return on
    return "device" if device == "gpu" else "host"


class Data(Option):
    """What all sources of photos have in common."""

    GROUP: ClassVar = "data"
    BUILDER: ClassVar = "colorize.data.folder"
    READS_URLS: ClassVar = False

    root: Annotated[str, Field(min_length=1)] | None
    """Folder of the photos, or a URL of one that fsspec opens, such as s3://BUCKET/photos; null: where the source has a
    place of its own."""
    max_photos: Positive | None
    """So many photos are looked at, spread evenly over the folder and the parts of its split; null: all."""
    fraction: Annotated[float, Field(gt=0, le=1)]
    """Share of the training photos that are trained on, chosen by their content: those of a smaller share are among
    those of a larger one. Val and test stay whole."""
    height: Positive
    """Rows of a picture, in training and in evaluation."""
    width: Positive
    """Columns of it; the encoder's stride divides both."""
    batch_size: Positive | Literal["auto"]
    """Photos of one training step. auto: the largest power of two that a GPU has room for, found before training."""
    val_fraction: Annotated[float, Field(gt=0, lt=1)]
    """Share of the photos that the checkpoint is chosen by; decided by a hash of each photo's content."""
    grey: Literal["keep", "drop_exact", "drop"]
    """Photos without colours of their own are kept in training, or left out: the exactly grey ones, or also nearly grey
    ones (`min_colorfulness`) and prints of one tone, such as sepia. They are always part of evaluation."""
    min_colorfulness: Annotated[float, Field(ge=0)]
    """Hasler and Suesstrunk's number below which a photo is nearly grey to `grey=drop`; 15 is slightly colourful."""
    augmentation: Augmentation
    device_share: Share
    """A device that augments keeps the training photos where they take at most this share of its memory; 0: never."""

    def problems(self, config: Config) -> Iterator[Problem]:
        """What cannot go together."""
        if self.batch_size == "auto" and config.trainer.device == "cpu":
            expected = "a number: auto looks for what fits into a GPU (trainer=gpu)"
            yield Problem("data.batch_size", expected, "auto")
        if self.batch_size == "auto" and config.trainer.overfit_steps:
            yield Problem("data.batch_size", "a number of photos to learn by heart", "auto")
        if self.root and urls.is_url(self.root) and not self.READS_URLS:
            yield Problem("data.root", f"a folder of this machine: data={self.name} is read as memory maps", self.root)
        cache = getattr(self, "cache", None)
        if cache and urls.is_url(cache):
            yield Problem("data.cache", "a folder of this machine", cache)

    @property
    def label(self) -> str:
        """What people call the data: a folder of their own by its name."""
        if self.name not in ("folder", "prepared") or not self.root:
            return self.name
        return urls.name_of(self.root) if urls.is_url(self.root) else Path(self.root).expanduser().resolve().name


class FolderData(Data):
    """Any folder tree of photos."""

    READS_URLS: ClassVar = True

    name: Literal["folder"]
    test_fraction: Share
    """Share of the photos that only `evaluate` uses, decided likewise; 0: none."""
    resize_mode: Literal["center_crop", "stretch"]
    """What is done to a photo of another shape: the largest centred crop, or stretched."""
    cache_scale: Annotated[float, Field(ge=1, le=8)]
    """Photos are kept at this many times height and width, so that random crops have real detail."""
    min_side_pixels: Positive
    """Pixels; a photo with a shorter side is rejected."""
    max_rejected_fraction: Annotated[float, Field(ge=0, le=1)]
    """Share of rejected files above which nothing is trained."""
    cache: str | None
    """Folder for prepared photos; null: $XDG_CACHE_HOME/colorize, or ~/.cache/colorize."""
    engine: Literal["local", "ray"]
    """What hashes and decodes photos for `colorize prepare`: this machine, or a cluster of Ray's (extra `ray`)."""

    @property
    def resize_token(self) -> str:
        """How the mode is called in digests of photos, which must not change with its name."""
        return {"center_crop": "crop", "stretch": "squash"}[self.resize_mode]

    @property
    def cached_size(self) -> tuple[int, int]:
        """(rows, columns) of a photo in the cache."""
        return round(self.height * self.cache_scale), round(self.width * self.cache_scale)


class SampleData(FolderData):
    """The photos embedded in `data/sample`, or another folder laid out like it."""

    name: Literal["sample"]  # type: ignore[assignment]  # of an option of its own


class PreparedData(Data):
    """Photos that `colorize prepare` has decoded ahead of training; their split was decided then."""

    BUILDER: ClassVar = "colorize.data.prepared"

    name: Literal["prepared"]
    val_fraction: None  # type: ignore[assignment]
    """Decided when the photos were prepared, as are the next two."""
    grey: None  # type: ignore[assignment]
    """As it was prepared."""
    min_colorfulness: None  # type: ignore[assignment]
    """As it was prepared."""
    resize_mode: Literal["center_crop", "stretch"]
    """As the photos were prepared; another one is refused. Painting does the same to photos of another shape."""
    cache: str | None
    """Folder for features of a frozen part; null: $XDG_CACHE_HOME/colorize, or ~/.cache/colorize."""


class CifarData(Data):
    """CIFAR-10 in its binary version; its official test set is the test split."""

    BUILDER: ClassVar = "colorize.data.cifar10"

    name: Literal["cifar10"]
