"""Building a network while noting, for each step, what its axes mean."""

from __future__ import annotations

from dataclasses import dataclass, field

import keras

CELLS = ("batch", "row", "column", "channel")
"""Axes of a map: (B, H, W, C)."""


@dataclass(frozen=True)
class Step:
    """One layer as it was applied.

    Attributes:
        stage: the part of the network: encoder, fusion, decoder, head.
        name: what the step does, unique in the network.
        layer: the Keras layer.
        output: its symbolic output, or one of its outputs.
        axes: the meaning of each axis of `output`, batch first.
    """

    stage: str
    name: str
    layer: keras.Layer
    output: keras.KerasTensor
    axes: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Weights that this step brings."""
        return self.layer.count_params()


@dataclass(frozen=True)
class Reading:
    """A recurrent layer that reads a map in two directions: what the dependency map shows and the wiring test checks.

    Attributes:
        title: of the layer.
        along: what a timestep is: `rows` or `columns`.
        axis: of the three tensors below, along which time runs.
        read, forward, backward: what the layer reads, and both halves of what it returns, symbolic.
    """

    title: str
    along: str
    axis: int
    read: keras.KerasTensor
    forward: keras.KerasTensor
    backward: keras.KerasTensor


@dataclass
class Trace:
    """The steps of a network, in the order in which they were built, and the first recurrent layer of each axis.

    Attributes:
        frozen: of an encoder whose first layers are never trained, the symbolic outputs from which all the rest can be
            computed; else empty.
    """

    steps: list[Step] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    frozen: list[keras.KerasTensor] = field(default_factory=list)
    stage: str = "input"

    def __call__(self, layer: keras.Layer, inputs, axes: tuple[str, ...] = CELLS, *more):
        """Applies `layer` to `inputs` (and `more`), notes the step and returns the output."""
        output = layer(inputs, *more)
        self.steps.append(Step(self.stage, layer.name, layer, output, axes))
        return output

    def halves(self, layer: keras.Layer, inputs, axes: tuple[str, ...]):
        """Applies a layer that returns two halves, of its `forward_layer` and its `backward_layer`; returns both."""
        outputs = layer(inputs)
        parts = {"forward": layer.forward_layer, "backward": layer.backward_layer}
        for (direction, part), output in zip(parts.items(), outputs):
            self.steps.append(Step(self.stage, f"{layer.name}_{direction}", part, output, axes))
        return outputs

    def parameters(self, stage: str) -> int:
        """Weights of one part of the network."""
        return sum(step.parameters for step in self.steps if step.stage == stage)

    def step(self, name: str) -> Step:
        """The step of that name; `KeyError` where there is none."""
        return {step.name: step for step in self.steps}[name]
