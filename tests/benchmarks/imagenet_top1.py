"""How well EfficientNet-Lite knows photos in colour and in grey: `python tests/benchmarks/imagenet_top1.py IMAGENETTE`.

Our encoder with the classifier of the weight file behind it, on Imagenette's val photos (folders are called by their
WordNet ids), at 128 x 128 as they are and at 224 x 224, for which it was trained. By hand.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from colorize import backend
from colorize.config.compose import composed

CLASSES = {
    "n01440764": 0, "n02102040": 217, "n02979186": 482, "n03000684": 491, "n03028079": 497,
    "n03394916": 566, "n03417042": 569, "n03425413": 571, "n03445777": 574, "n03888257": 701,
}  # fmt: skip
"""WordNet id -> number among ImageNet's 1,000 classes."""


def main(imagenette: Path) -> None:
    """Prints top-1 among all 1,000 classes."""
    files = sorted(path for path in (imagenette / "val").rglob("*") if path.suffix.lower() in (".jpeg", ".jpg", ".png"))
    truth = np.array([CLASSES[path.parent.name] for path in files])
    backend.start("tensorflow", "cpu")
    from colorize.image_grid import in_grey

    for side in (128, 224):
        classify = classifier(side)
        right = {"colour": 0, "grey": 0}
        for start in range(0, len(files), 64):
            opened = [Image.open(path).convert("RGB") for path in files[start : start + 64]]
            rgb = np.stack([np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)) for image in opened])
            for name, photos in (("colour", rgb), ("grey", in_grey(rgb))):
                right[name] += int((classify(photos) == truth[start : start + 64]).sum())
        told = ", ".join(f"{name} {number / len(files):.1%}" for name, number in right.items())
        print(f"{len(files)} photos at {side} x {side}: top-1 {told}")


def classifier(side: int):
    """From uint8 RGB (B, side, side, 3) to classes (B,)."""
    import keras
    from keras import ops

    from colorize.config.registry import build
    from colorize.models.imagenet import read_imagenet_weights

    config, picture = composed(["encoder=efficientnet_lite0"]).encoder, keras.Input((side, side, 1))
    last, skips = build(config, picture)
    grey = keras.Model(picture, last).get_layer("encoder_grey").output
    encoder = keras.Model(grey, last)
    arrays = read_imagenet_weights(config)
    scale = arrays["_bn1.weight"] / np.sqrt(arrays["_bn1.running_var"] + 1e-3)
    kernel = arrays["_conv_head.weight"][:, :, 0, 0].T * scale
    bias = arrays["_bn1.bias"] - arrays["_bn1.running_mean"] * scale

    def classify(rgb: np.ndarray) -> np.ndarray:
        features = ops.convert_to_numpy(encoder.predict_on_batch((rgb.astype("float32") - 127) / 128))
        hidden = np.clip(features @ kernel + bias, 0, 6).mean(axis=(1, 2))
        return (hidden @ arrays["_fc.weight"].T + arrays["_fc.bias"]).argmax(axis=-1)

    return classify


if __name__ == "__main__":
    main(Path(sys.argv[1]))
