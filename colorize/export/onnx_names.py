"""Names in an ONNX file, for whoever opens it in a viewer or a runtime: inputs, outputs, axes, and what it is."""

from importlib import metadata
from pathlib import Path

RGB, COLORIZED, PHOTOS = "rgb", "colorized", "photos"
"""The input, the output, and the axis of both that may have any length."""


def give_names(path: Path) -> None:
    """Renames the output and the free axis in a file, and writes into it what it computes and how it is used."""
    import onnx

    model = onnx.load(str(path))
    (output,) = model.graph.output
    _rename(model.graph, output.name, COLORIZED)
    rows, columns = (size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim[1:3])
    for value in (*model.graph.input, *model.graph.output):
        sizes = (PHOTOS, rows, columns, 3)
        for axis, size in zip(value.type.tensor_type.shape.dim, sizes):
            axis.Clear()
            setattr(axis, "dim_param" if size == PHOTOS else "dim_value", size)
    model.producer_name, model.producer_version = "colorize", metadata.version("colorize")
    model.doc_string = (
        f"Colorizes photos. {RGB}: uint8 ({PHOTOS}, {rows}, {columns}, 3), sRGB, of which the lightness alone is read."
        f" {COLORIZED}: the same photos in colour. Of another size: paint a smaller copy, and join its ab, enlarged, to"
        " the lightness of the whole."
    )
    about = {"rows": str(rows), "columns": str(columns), "use": f'session.run(["{COLORIZED}"], {{"{RGB}": photos}})'}
    onnx.helper.set_model_props(model, about)
    onnx.save(model, str(path))


def _rename(graph, old: str, new: str) -> None:
    """Gives a tensor another name, wherever it is written or read."""
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
    for value in (*graph.output, *graph.value_info):
        if value.name == old:
            value.name = new
