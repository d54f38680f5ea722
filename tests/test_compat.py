"""That the private names of other libraries are still there, and are what they were."""

import keras
import numpy as np
import pytest
from omegaconf import OmegaConf

from colorize import compat

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's own


def test_hydra_and_omegaconf():
    known, unknown = compat.hydras_arguments().parse_known_args(["-m", "seed=1,2", "--nonsense"])
    assert known.multirun and known.overrides == ["seed=1,2"] and unknown == ["--nonsense"]
    config = OmegaConf.create({"a": {"b": 1}, "c": "${nowhere}"})
    assert compat.node_of(config, "a") == {"b": 1} and compat.node_of(config, "d") is None


def test_keras():
    inner = keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((3,)), inner])
    assert inner in compat.flat_layers(model)
    wrapped = keras.Sequential([keras.Input((4, 3)), keras.layers.Bidirectional(keras.layers.GRU(1), name="both")])
    assert any(isinstance(layer, keras.layers.GRU) for layer in compat.flat_layers(wrapped))

    picture = keras.Input((4, 3))
    sequence = wrapped(picture)  # a model within a model: its own output is another tensor
    assert compat.inputs_of(wrapped)[0] is picture and compat.outputs_of(wrapped)[0] is sequence

    optimizer = keras.optimizers.AdamW(0.5, use_ema=True, ema_momentum=0.0)
    optimizer.build(model.trainable_variables)
    kernel, bias = model.trainable_variables
    assert compat.variable_key(optimizer, kernel) != compat.variable_key(optimizer, bias)
    optimizer.apply([np.ones((3, 2), "float32"), np.ones(2, "float32")])
    for variable, average in zip((kernel, bias), compat.moving_averages(optimizer)):
        np.testing.assert_allclose(average.numpy(), variable.numpy(), rtol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="there is none on TensorFlow")
def test_keras_keeps_the_state_of_each_step_on_jax():
    model, seen = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), []
    model.compile(keras.optimizers.SGD(0.1), "mse")
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda *_, **__: seen.append(vars(model)[compat.STATE_ON_JAX])
    )
    model.fit(np.ones((4, 3)), np.ones((4, 2)), batch_size=2, verbose=0, callbacks=[look])
    assert [len(state["trainable_variables"]) for state in seen] == [2, 2] and seen[0] is not seen[1]


@pytest.mark.once
def test_mlflow():
    import mlflow

    photos = mlflow.data.from_numpy(np.zeros((2, 4, 4, 3), "uint8"), name="photos", digest="abc")
    entity = compat.mlflow_entity(photos)
    assert entity.name == "photos" and entity.digest == "abc"
