"""A trained model for programs that know nothing of it: one graph from RGB to RGB, in four formats."""

NAMES = ("saved_model", "onnx", "litert", "keras")
"""Of the formats, see `formats`."""
