"""One check for every layer of our own, after keras-hub's `TestCase.run_layer_test`."""

import keras
import numpy as np
from keras import ops


def check_layer(make, shape: tuple[int, ...]) -> None:
    """What every layer must keep: its configuration, its shapes, its gradients, its precision, its place in a file.

    Args:
        make: gives a new layer of the same kind; takes `dtype`.
        shape: of an input, the batch first, rows and columns different.
    """
    layer, features = make(), np.random.default_rng(0).normal(size=shape).astype("float32")
    _check_configuration(layer)
    outputs = _listed(layer(features))
    _check_symbolic_shapes(make(), shape, outputs)
    _check_a_step(make(), features)
    _check_mixed_precision(make(dtype="mixed_bfloat16"), features, outputs)
    _check_file(make(), features)


def _check_configuration(layer: keras.Layer) -> None:
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def _check_symbolic_shapes(layer: keras.Layer, shape: tuple[int, ...], outputs: list) -> None:
    """A batch of unknown size gives the shapes that a real one has."""
    symbolic = _listed(layer(keras.Input(shape[1:])))
    assert [(None, *output.shape[1:]) for output in outputs] == [tuple(output.shape) for output in symbolic]


def _check_a_step(layer: keras.Layer, features: np.ndarray) -> None:
    """One step moves every weight that is trained, and nothing becomes NaN."""
    model = _model_of(layer, features.shape)
    before = [ops.convert_to_numpy(weight) for weight in model.trainable_weights]
    model.compile("sgd", [keras.losses.MeanSquaredError() for _ in model.outputs])
    targets = [np.ones((len(features), *output.shape[1:]), "float32") for output in model.outputs]
    loss = (model.train_on_batch if before else model.test_on_batch)(features, targets)
    assert np.all(np.isfinite(loss))
    for weight, old in zip(model.trainable_weights, before):
        assert (ops.convert_to_numpy(weight) != old).any(), weight.path


def _check_mixed_precision(layer: keras.Layer, features: np.ndarray, outputs: list) -> None:
    """Weights stay float32, and what comes out has the same shape, and no NaN."""
    lower = _listed(layer(ops.cast(features, "bfloat16")))
    assert all(weight.dtype == "float32" for weight in layer.weights)
    for output, other in zip(outputs, lower):
        assert output.shape == other.shape and np.isfinite(ops.convert_to_numpy(ops.cast(other, "float32"))).all()


def _check_file(layer: keras.Layer, features: np.ndarray) -> None:
    """A model with it is cloned by its configuration, and with its weights says the same."""
    model = _model_of(layer, features.shape)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    pairs = zip(_listed(model.predict_on_batch(features)), _listed(again.predict_on_batch(features)))
    for output, other in pairs:
        np.testing.assert_array_equal(ops.convert_to_numpy(output), ops.convert_to_numpy(other))


def _model_of(layer: keras.Layer, shape: tuple[int, ...]) -> keras.Model:
    features = keras.Input(shape[1:])
    return keras.Model(features, layer(features))


def _listed(outputs) -> list:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
