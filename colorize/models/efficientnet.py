"""EfficientNet-Lite, the encoder that has learned from ImageNet: five maps of a grey picture.

Tan and Le 2019, "EfficientNet", section 4, in the variant that its authors call Lite: no squeeze-and-excitation, ReLU6
for swish, and a stem that does not grow with the rest. Strides are 2 to 32, half of that where the picture is enlarged.

Legend: B batch, H W rows and columns, C channels, N channels of the depthwise convolution.
"""

from typing import Any

import keras
from keras import layers, ops

from colorize.arrays import Features, LightnessPhotos, RgbFloat
from colorize.color import lightness_to_grey
from colorize.config.efficientnet import EfficientNetLite
from colorize.config.registry import builds
from colorize.errors import UserError
from colorize.models.imagenet import Arrays, read_imagenet_weights

EPSILON = 1e-3
"""Of batch normalisation, as in training on ImageNet; so is the momentum of its statistics."""
MOMENTUM = 0.99


@builds(EfficientNetLite)
def efficientnet_lite_encoder(config: EfficientNetLite, lightness_scaled: LightnessPhotos) -> tuple[Any, list]:
    """The network up to its last block, with the weights that the configuration names.

    Returns:
        features (B, H / 32, W / 32, C), and the last maps of strides 2 to 16, from large to small; all of half the
        stride where the picture is enlarged.
    Raises:
        UserError: the weights cannot be had.
    """
    picture = GreyPicture(dtype="float32", name="encoder_grey")(lightness_scaled)
    if config.input_scale > 1:
        scale = config.input_scale
        enlarge = layers.UpSampling2D(scale, interpolation="bilinear", dtype="float32", name="encoder_enlarge")
        picture = enlarge(picture)
    stages, stage_layers = _apply(config, picture)
    if config.weights != "none":
        arrays = read_imagenet_weights(config)
        try:
            assign_weights([layer for stage in stage_layers for layer in stage], arrays)
        except (KeyError, ValueError) as error:
            what = str(error).strip().splitlines()[0]
            raise UserError(f"encoder.weights={config.weights} is not of {config.name}: {what}") from None
    frozen = config.frozen_stages
    for number, stage in enumerate(stage_layers):
        for layer in stage:
            layer.freeze(everything=number < frozen, statistics=config.trainable != "all")
    rows = lightness_scaled.shape[1]
    maps = {rows // output.shape[1]: number for number, output in enumerate(stages)}  # the last of each stride
    *skips, last = [stages[number] for number in maps.values()]
    return last, skips


def _apply(config: EfficientNetLite, picture) -> tuple[list, list]:
    """Stem and stages one after the other: the output of each, and its layers."""
    stem = Stem(config.stem_filters, name="encoder_stem")
    outputs, stage_layers = [stem(picture)], [[stem]]
    number = 0
    for stage in config.stages:
        features, blocks = outputs[-1], []
        for repeat in range(stage.blocks):
            stride = stage.stride if repeat == 0 else 1
            width = features.shape[-1] * stage.expansion if stage.expansion > 1 else None
            block = InvertedResidual(stage.filters, width, stage.kernel, stride, name=f"encoder_block{number}")
            features = block(features)
            blocks.append(block)
            number += 1
        outputs.append(features)
        stage_layers.append(blocks)
    return outputs, stage_layers


def assign_weights(layers_in_order: list, arrays: Arrays) -> None:
    """Gives layers their arrays: by PyTorch's names, `_blocks.3._bn1.weight` and the like."""
    number = -1
    for layer in layers_in_order:
        prefix = f"_blocks.{number}." if number >= 0 else ""
        for name, part in layer.parts().items():
            if isinstance(part, layers.BatchNormalization):
                keys = ("weight", "bias", "running_mean", "running_var")
                part.set_weights([arrays[f"{prefix}{name}.{key}"] for key in keys])
            else:  # (C out, C in, rows, columns) there; depthwise: (C, 1, rows, columns) -> (rows, columns, C, 1)
                order = (2, 3, 0, 1) if isinstance(part, layers.DepthwiseConv2D) else (2, 3, 1, 0)
                part.set_weights([arrays[f"{prefix}{name}.weight"].transpose(order)])
        number += 1


@keras.saving.register_keras_serializable("colorize")
class GreyPicture(keras.Layer):
    """Lightness as the grey sRGB picture that ImageNet's networks take.

    Call arguments:
        lightness_scaled: (B, H, W, 1), L / 50 - 1.
    Returns:
        float32 (B, H, W, 3), (v - 127) / 128 of the values 0..255 of sRGB, three times the same.
    """

    def call(self, lightness_scaled: LightnessPhotos) -> RgbFloat:
        """In float32, whatever the precision: bfloat16 has no 256 levels in 0..255."""
        grey = lightness_to_grey((lightness_scaled + 1.0) * 50.0) * 255.0
        return ops.repeat((grey - 127.0) / 128.0, 3, axis=-1)

    def compute_output_shape(self, shape):
        """(B, H, W, 3)."""
        return (*shape[:-1], 3)


class _Part(keras.Layer):
    """What stem and blocks have in common: parts that can be frozen, wholly or in their statistics alone."""

    def freeze(self, everything: bool, statistics: bool) -> None:
        """Keeps all weights as they are; or those of batch normalisation alone, what it has learned and what it saw."""
        self.trainable = not everything
        if statistics and not everything:
            for part in self.parts().values():
                if isinstance(part, layers.BatchNormalization):
                    part.trainable = False

    def build(self, shape):
        """Builds the parts, each on what the one before leaves."""
        for part in self.parts().values():
            part.build(shape)
            shape = part.compute_output_shape(shape)
        self.built = True

    def _convolution(self, filters: int, name: str, kernel: int = 1, strides: int = 1) -> layers.Layer:
        return layers.Conv2D(
            filters, kernel, strides, "same", use_bias=False, kernel_initializer="he_normal", dtype=self.dtype_policy,
            name=name,
        )  # fmt: skip

    def _norm(self, name: str) -> layers.Layer:
        return layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON, dtype=self.dtype_policy, name=name)


@keras.saving.register_keras_serializable("colorize")
class Stem(_Part):
    """A 3x3 convolution of stride 2, normalised, ReLU6: (B, H, W, 3) -> (B, H / 2, W / 2, filters)."""

    def __init__(self, filters: int, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.conv, self.norm = self._convolution(filters, "conv", 3, 2), self._norm("norm")

    def parts(self) -> dict[str, keras.Layer]:
        """Its layers, by PyTorch's names."""
        return {"_conv_stem": self.conv, "_bn0": self.norm}

    def call(self, picture: Features) -> Any:
        """Normalises by the statistics of the batch only where it is trained."""
        return ops.relu6(self.norm(self.conv(picture)))

    def compute_output_shape(self, shape):
        """(B, H / 2, W / 2, filters)."""
        return self.conv.compute_output_shape(shape)

    def get_config(self):
        """What it is built from."""
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable("colorize")
class InvertedResidual(_Part):
    """Expand, filter each channel by itself, project; with the input added where shapes allow.

    Sandler et al. 2018, "MobileNetV2", section 3.3.

    Args:
        filters: channels that it leaves.
        width: N; None: there is no expanding convolution, N = C.
        kernel: rows and columns of the depthwise convolution.
        stride: of that.
    Call arguments:
        features: (B, H, W, C).
    Returns:
        (B, H / stride, W / stride, filters).
    """

    def __init__(self, filters: int, width: int | None, kernel: int, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.width, self.kernel, self.stride = filters, width, kernel, stride
        if width:
            self.expand, self.expand_norm = self._convolution(width, "expand"), self._norm("expand_norm")
        self.depthwise = layers.DepthwiseConv2D(
            kernel, stride, "same", use_bias=False, depthwise_initializer="he_normal", dtype=self.dtype_policy,
            name="depthwise",
        )  # fmt: skip
        self.depthwise_norm = self._norm("depthwise_norm")
        self.project, self.project_norm = self._convolution(filters, "project"), self._norm("project_norm")

    def parts(self) -> dict[str, keras.Layer]:
        """Its layers, by PyTorch's names."""
        expanding = {"_expand_conv": self.expand, "_bn0": self.expand_norm} if self.width else {}
        filtering = {"_depthwise_conv": self.depthwise, "_bn1": self.depthwise_norm}
        return {**expanding, **filtering, "_project_conv": self.project, "_bn2": self.project_norm}

    def call(self, features: Features) -> Any:
        """Normalises by the statistics of the batch only where it is trained."""
        inner = ops.relu6(self.expand_norm(self.expand(features))) if self.width else features
        inner = ops.relu6(self.depthwise_norm(self.depthwise(inner)))
        inner = self.project_norm(self.project(inner))
        return inner + features if inner.shape == features.shape else inner

    def compute_output_shape(self, shape):
        """(B, H / stride, W / stride, filters)."""
        return (*self.depthwise.compute_output_shape(shape)[:-1], self.filters)

    def get_config(self):
        """What it is built from."""
        own = {"filters": self.filters, "width": self.width, "kernel": self.kernel, "stride": self.stride}
        return {**super().get_config(), **own}
