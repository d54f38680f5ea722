"""Small configurations with a backbone, and a network of two layers in the place of MobileNet."""

import keras
import pytest

from colorize.models import backbone as module
from colorize.models.backbone import APPLICATIONS, Application

NAMES = {"inception_resnet_v2": 75, "mobilenet": 32, "vgg19": 32, "densenet121": 32}

KEPT = [
    "data.augmentation.min_crop_scale=1.0",
    "data.augmentation.max_exposure_stops=0.0",
    "data.augmentation.mixup_probability=0.0",
]


@pytest.fixture
def tiny(monkeypatch):
    """A network of two layers in the place of MobileNet: seconds less, and its arithmetic can be done by hand."""

    def build(weights, input_shape, classifier_activation, name):
        inputs = keras.Input(input_shape)
        mean = keras.layers.GlobalAveragePooling2D()(inputs)
        outputs = keras.layers.Dense(1000, activation=classifier_activation)(mean)
        return keras.Model(inputs, outputs, name=name)

    real = APPLICATIONS["mobilenet"].preprocess
    monkeypatch.setitem(module.APPLICATIONS, "mobilenet", Application(build, real))


def with_backbone(config_of, name="mobilenet", *more):
    return config_of(f"backbone={name}", "backbone.weights=none", f"backbone.size={NAMES[name]}", *more)
