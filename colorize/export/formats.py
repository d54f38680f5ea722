"""The formats: how the graph is written in each, and how that file is run by the program that it is meant for."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from colorize.compat import flat_layers
from colorize.export.onnx_names import give_names

Run = Callable[[np.ndarray], np.ndarray]
"""uint8 (1, h, w, 3) -> uint8 (1, h, w, 3)."""


class Format(NamedTuple):
    """One way to write a model.

    Attributes:
        ending: of the file; empty for a folder.
        photos: how many go in at a time; None: any number.
        save: writes the graph.
        load: reads what was written.
        used: how it is used elsewhere.
    """

    ending: str
    photos: int | None
    save: Callable[[keras.Model, Path], None]
    load: Callable[[Path], Run]
    used: str


def _save_model(graph: keras.Model, path: Path) -> None:
    graph.export(str(path), format="tf_saved_model", verbose=False, input_signature=_signature(graph))


def _load_model(path: Path) -> Run:
    import tensorflow

    loaded = tensorflow.saved_model.load(str(path))
    return lambda rgb: loaded.serve(rgb).numpy()


def _gelu(x):
    return 0.5 * x * (1.0 + keras.ops.erf(x / 2**0.5))


def _save_onnx(graph: keras.Model, path: Path) -> None:
    for layer in flat_layers(graph):
        if getattr(layer, "activation", None) is keras.activations.gelu:
            layer.activation = _gelu  # the same; Keras computes it by `erfc`, which tf2onnx 1.17 does not know
    graph.export(str(path), format="onnx", verbose=False, input_signature=_signature(graph))
    give_names(path)


def _load_onnx(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda rgb: session.run(None, {session.get_inputs()[0].name: rgb})[0]


def _save_litert(graph: keras.Model, path: Path) -> None:
    graph.export(str(path), format="litert", verbose=False, input_signature=_signature(graph))


def _load_litert(path: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(rgb: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], rgb)
        interpreter.invoke()
        return interpreter.get_tensor(answer["index"])

    return run


def _save_keras(graph: keras.Model, path: Path) -> None:
    graph.save(str(path))


def _load_keras(path: Path) -> Run:
    loaded = keras.saving.load_model(str(path))
    return lambda rgb: keras.ops.convert_to_numpy(loaded.predict_on_batch(rgb))


def _signature(graph: keras.Model) -> list[keras.InputSpec]:
    (rgb,) = graph.inputs
    return [keras.InputSpec(shape=rgb.shape, dtype="uint8", name="rgb")]


FORMATS = {
    "saved_model": Format("", None, _save_model, _load_model, "tensorflow.saved_model.load(PATH).serve(rgb)"),
    "onnx": Format(".onnx", None, _save_onnx, _load_onnx, 'onnxruntime.InferenceSession(PATH).run(None, {"rgb": rgb})'),
    "litert": Format(".tflite", 1, _save_litert, _load_litert, "ai_edge_litert.interpreter.Interpreter(PATH)"),
    "keras": Format(".keras", None, _save_keras, _load_keras, "keras.saving.load_model(PATH)(rgb)"),
}
