"""Every layer of our own: configuration, shapes, a step, mixed precision, a copy of the model."""

import functools
import inspect

import keras
import pytest
from layer_checks import check_layer

from colorize.models import efficientnet
from colorize.models.efficientnet import GreyPicture, InvertedResidual, Stem
from colorize.models.fusion import attention, min_gru, pixel_gru
from colorize.models.fusion.attention import AddPositions
from colorize.models.fusion.min_gru import BidirectionalMinGru, DirectedMinGru
from colorize.models.fusion.pixel_gru import LineGru

LAYERS = [
    (functools.partial(LineGru, 3, "rows"), (2, 4, 6, 5)),
    (functools.partial(LineGru, 3, "columns"), (2, 4, 6, 5)),
    (functools.partial(BidirectionalMinGru, 3, "rows"), (2, 4, 6, 5)),
    (functools.partial(DirectedMinGru, 3, "columns", backward=True), (2, 4, 6, 5)),
    (AddPositions, (2, 4, 6, 8)),
    (GreyPicture, (2, 4, 6, 1)),
    (functools.partial(Stem, 8), (2, 8, 12, 3)),
    (functools.partial(InvertedResidual, 6, 12, 3, 2), (2, 8, 12, 6)),
    (functools.partial(InvertedResidual, 6, None, 5, 1), (2, 8, 12, 6)),
]


def kind_of(make) -> type:
    return getattr(make, "func", make)


@pytest.mark.parametrize(("make", "shape"), LAYERS, ids=lambda value: getattr(kind_of(value), "__name__", ""))
def test_a_layer_keeps_what_every_layer_must(make, shape):
    check_layer(make, shape)


def test_none_is_left_out():
    ours = set()
    for module in (efficientnet, attention, min_gru, pixel_gru):
        classes = [
            value for _, value in inspect.getmembers(module, inspect.isclass) if value.__module__ == module.__name__
        ]
        ours |= {value for value in classes if issubclass(value, keras.Layer) and not value.__name__.startswith("_")}
    assert ours == {kind_of(make) for make, _ in LAYERS}
