"""A frozen network of ImageNet that reads the grey picture, and how its answer joins the feature map.

Legend: B batch, H W rows and columns of the picture, h w of the feature map, E classes of ImageNet (1,000).
"""

import hashlib
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import applications, layers, ops
from keras.applications import densenet, inception_resnet_v2, mobilenet, vgg19

from colorize.arrays import Features, FeaturesOut, LightnessPhotos, Vectors
from colorize.color import lab_to_rgb
from colorize.config.model import PretrainedBackbone
from colorize.config.schema import Config
from colorize.errors import UserError
from colorize.models.graph import AXES, with_axes

CLASSES = 1000


class Application(NamedTuple):
    """A network of `keras.applications`, and how it wants pixels of 0..255 prepared."""

    build: Callable[..., keras.Model]
    preprocess: Callable


APPLICATIONS = {
    "inception_resnet_v2": Application(applications.InceptionResNetV2, inception_resnet_v2.preprocess_input),
    "mobilenet": Application(applications.MobileNet, mobilenet.preprocess_input),
    "vgg19": Application(applications.VGG19, vgg19.preprocess_input),
    "densenet121": Application(applications.DenseNet121, densenet.preprocess_input),
}


class Backbone(keras.Model):
    """The grey picture's embedding: what the network answers before its softmax, as in Deep Koalarization.

    (Baldassarre et al. 2017, section 2.1: the output of the last layer before the softmax.) Frozen: its statistics and
    its weights never change.

    Args:
        config: which network, with which weights.
        pretrained: whether it gets them; not where a model file brings them.
    Call arguments:
        lightness: L in 0..100, (B, H, W, 1).
    Returns:
        float32 (B, E).
    Raises:
        UserError: the weights cannot be fetched, do not fit, or are not those of `sha256`.
    """

    def __init__(self, config: PretrainedBackbone, pretrained: bool = True):
        super().__init__(name=config.name, dtype="float32")
        self.size, self.preprocess = config.size, APPLICATIONS[config.name].preprocess
        self.network = _network(config, pretrained)
        self.trainable = False
        self.built = True  # as its network is; Keras would guess its input from the shape of a first batch

    def call(self, lightness: LightnessPhotos) -> Any:
        """Grey sRGB of that lightness, 0..255, brought to the network's size and prepared as for its training."""
        neutral = ops.zeros_like(lightness)
        grey = lab_to_rgb(ops.concatenate([lightness, neutral, neutral], axis=-1)) * 255.0
        size = (self.size, self.size)
        picture = ops.image.resize(grey, size, interpolation="bilinear", antialias=True, data_format="channels_last")
        return self.network(self.preprocess(picture, data_format="channels_last"), training=False)


def digest(config: PretrainedBackbone) -> str | None:
    """SHA-256 of the file of weights, in hexadecimal; None where they are in no file."""
    if not config.of_a_file:
        return None
    with open(config.weights, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def with_digest(config: Config) -> Config:
    """The configuration of a model that takes no other file of backbone weights than the one that is there now."""
    if not isinstance(config.backbone, PretrainedBackbone) or config.backbone.sha256:
        return config
    backbone = config.backbone.model_copy(update={"sha256": digest(config.backbone)})
    return config.model_copy(update={"backbone": backbone})


def _network(config: PretrainedBackbone, pretrained: bool) -> keras.Layer:
    build = APPLICATIONS[config.name].build
    options = {"input_shape": (config.size, config.size, 3), "classifier_activation": None, "name": config.name}
    if not pretrained:
        return build(weights=None, **options)
    if config.weights == "imagenet":
        try:
            return build(weights="imagenet", **options)
        except Exception as error:  # Keras raises a bare Exception where it cannot fetch
            raise UserError(
                f"backbone.weights=imagenet: the weights of {config.name} are fetched once, and that failed"
                f" ({str(error).splitlines()[0]}). Without a network, give a file of them (backbone.weights=PATH) or"
                " take random ones (backbone.weights=none)"
            ) from None
    network = build(weights=None, **options)
    if config.weights == "none":
        _randomize(network)
        return network
    try:
        if config.sha256 not in (None, digest(config)):
            raise ValueError(f"the model was trained with another file, of SHA-256 {config.sha256[:12]}...")
        with warnings.catch_warnings():  # Keras only warns where it finds no weights for a layer, and leaves it random
            warnings.simplefilter("error", UserWarning)
            network.load_weights(config.weights)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"backbone.weights={config.weights} does not hold the weights of {config.name} with its classes: {reason}"
        ) from None
    return network


def _randomize(network: keras.Layer) -> None:
    """The same weights on every backend and for every seed: a model that was trained with them finds them again."""
    rng = np.random.default_rng(0)
    for variable in network.weights:
        if len(variable.shape) > 1:
            read = variable.shape[:2] if variable.shape[-1] == 1 else variable.shape[:-1]  # depthwise: one channel
            deviation = np.sqrt(2 / np.prod(read))  # He et al. 2015; vectors stay as Keras makes them
            variable.assign(rng.standard_normal(variable.shape, "float32") * np.float32(deviation))


def join_embedding(config: PretrainedBackbone, features: Features, embedding: Vectors) -> FeaturesOut:
    """Repeats the embedding over the map and brings both to some channels: (B, h, w, C), (B, E) -> (B, h, w, channels).

    The fusion layer of Deep Koalarization (Baldassarre et al. 2017, section 2.2).
    """
    _, rows, columns, _ = features.shape
    repeat = layers.RepeatVector(rows * columns, name="embedding_repeat")
    repeated = with_axes(repeat, "batch", "position", "class of ImageNet")(embedding)
    to_map = layers.Reshape((rows, columns, embedding.shape[-1]), name="embedding_map")
    whole = with_axes(to_map, *AXES[:3], "class of ImageNet")(repeated)
    both = layers.Concatenate(name="embedding_beside")([features, whole])
    return layers.Conv2D(config.channels, 1, activation="relu", name="embedding_fuse")(both)
