"""The layers of a built network, read off its graph: the part that each belongs to, and what its axes mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import keras

from colorize.compat import inputs_of, outputs_of

AXES = ("batch", "row", "column", "channel")
"""Of a feature map: (B, H, W, C)."""

TIMESTEP = "timestep = "
"""Begins the name of the axis along which a recurrent layer reads."""


def with_axes(layer: keras.Layer, *axes: str) -> keras.Layer:
    """Says what the axes of a layer's output mean, batch first, where `axes_of` cannot know; returns the layer."""
    layer.axis_names = axes
    return layer


def axes_of(layer: keras.Layer, known: dict[int, tuple[str, ...]]) -> tuple[str, ...]:
    """What the axes of a layer's output mean: as it says; those of a feature map; those of what it reads.

    Args:
        known: of the layers before, by the identity of their outputs.
    """
    if hasattr(layer, "axis_names"):
        return tuple(layer.axis_names)
    rank = len(outputs_of(layer)[0].shape)
    if rank == len(AXES):
        return AXES
    first = known.get(id(inputs_of(layer)[0]), ())
    return first if len(first) == rank else ("batch", *(f"axis {number}" for number in range(1, rank)))


@dataclass(frozen=True)
class LayerRecord:
    """One layer as it was applied, or one direction of a bidirectional one.

    Attributes:
        stage: the part of the network: encoder, backbone, fusion, decoder, head.
        name: of the layer, unique in the network.
        layer: the Keras layer.
        output: its symbolic output.
        axes: the meaning of each axis of `output`, batch first.
    """

    stage: str
    name: str
    layer: keras.Layer
    output: keras.KerasTensor
    axes: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Weights of the layer."""
        return self.layer.count_params()


def stages_of(outputs: dict[str, list[keras.KerasTensor]], inputs: list) -> dict[str, list[keras.Layer]]:
    """The layers of each part of a network, in the order of the graph.

    Args:
        outputs: part -> what it leaves; the parts from the first to the last.
        inputs: of the network.
    """
    stages: dict[str, list[keras.Layer]] = {}
    known: set[int] = set()
    for stage, tensors in outputs.items():
        stages[stage] = [layer for layer in layers_between(inputs, tensors) if id(layer) not in known]
        known.update(map(id, stages[stage]))
    return stages


def layers_between(inputs: list, outputs: Iterable[keras.KerasTensor]) -> list[keras.Layer]:
    """The layers through which inputs become outputs, those that are read first coming first."""
    layers = keras.Model(inputs, list(outputs)).layers
    return [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]


def records_of(stages: dict[str, list[keras.Layer]]) -> list[LayerRecord]:
    """A record for each layer; two for one that returns two directions, in the place of its `forward_layer` and its
    `backward_layer`."""
    records: list[LayerRecord] = []
    known: dict[int, tuple[str, ...]] = {}
    for stage, layers in stages.items():
        for layer in layers:
            outputs, axes = outputs_of(layer), axes_of(layer, known)
            known.update((id(output), axes) for output in outputs)
            parts = {layer.name: layer}
            if is_bidirectional(layer):
                directions = {"forward": layer.forward_layer, "backward": layer.backward_layer}
                parts = {f"{layer.name}_{direction}": part for direction, part in directions.items()}
            for (name, part), output in zip(parts.items(), outputs):
                records.append(LayerRecord(stage, name, part, output, axes))
    return records


def is_bidirectional(layer: keras.Layer) -> bool:
    """Whether a layer returns what it read forward and what it read backward, each by itself."""
    return hasattr(layer, "forward_layer") and len(outputs_of(layer)) == 2


@dataclass(frozen=True)
class RecurrentPass:
    """A recurrent layer that reads a map in both directions: what the dependency map shows and the wiring test checks.

    Attributes:
        name: of the layer.
        along: what a timestep is: `rows` or `columns`.
        axis: of the three tensors below, along which time runs.
        read, forward, backward: what the layer reads, and both directions of what it returns, symbolic.
    """

    name: str
    along: str
    axis: int
    read: keras.KerasTensor
    forward: keras.KerasTensor
    backward: keras.KerasTensor


def recurrent_passes(layers: Iterable[keras.Layer]) -> list[RecurrentPass]:
    """The first layer that reads along rows, and the first along columns, where there are such."""
    passes: dict[str, RecurrentPass] = {}
    for layer in filter(is_bidirectional, layers):
        names = axes_of(layer, {})
        axis = next((number for number, name in enumerate(names) if name.startswith(TIMESTEP)), None)
        if axis is None:  # nobody has said along what it reads
            continue
        along = f"{names[axis].removeprefix(TIMESTEP)}s"
        passes.setdefault(along, RecurrentPass(layer.name, along, axis, inputs_of(layer)[0], *outputs_of(layer)))
    return list(passes.values())


def frozen_outputs(inputs: list, outputs: list) -> list[keras.KerasTensor]:
    """The tensors from which outputs can be computed and that never change, whatever is trained; finer ones first.

    Nothing where no layer with weights comes before them.
    """
    layers = layers_between(inputs, outputs)
    fixed = {id(tensor): False for tensor in inputs}  # tensor -> whether weights came before it
    wanted = {id(tensor) for tensor in outputs}
    for layer in layers:
        read = [id(tensor) for tensor in inputs_of(layer)]
        if all(name in fixed for name in read) and (not layer.trainable or not layer.variables):
            has_weights = bool(layer.weights) or any(fixed[name] for name in read)
            fixed.update((id(tensor), has_weights) for tensor in outputs_of(layer))
        else:
            wanted.update(read)
    produced = [tensor for layer in layers for tensor in outputs_of(layer)]
    return [tensor for tensor in produced if id(tensor) in wanted and fixed.get(id(tensor))]
