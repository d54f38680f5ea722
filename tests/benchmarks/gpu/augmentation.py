"""Are the pictures that a device makes those of the host?  python tests/benchmarks/gpu/augmentation.py gpu|cpu PHOTOS

Prints the differences over 256 photos of a folder, in 64 x 128 and 128 x 128: crops, mirror images, exposure, mixing.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from colorize.backend import start

start("jax", sys.argv[1])

from keras import ops  # noqa: E402 - only once Keras runs where it should

from colorize.config.data import Augmentation  # noqa: E402
from colorize.data.batches import Batches  # noqa: E402
from colorize.data.dataset import Photos  # noqa: E402
from colorize.training.device_augmentation import DeviceAugmentation  # noqa: E402

files = sorted(path for path in Path(sys.argv[2]).rglob("*.*") if path.is_file())[:256]
stored = np.stack([np.asarray(Image.open(file).convert("RGB").resize((150, 130))) for file in files])
everything = {"flip_probability": 0.5, "max_exposure_stops": 1.0, "mixup_probability": 0.5}
drawn = Augmentation(on="device", min_crop_scale=0.3, **everything)
names = tuple(file.name for file in files)
for shape in ((64, 128), (128, 128)):
    batches = Batches(Photos(stored, np.arange(len(files)), names, names, shape), *shape, 64, drawn, seed=1)
    on_host = [batches.batch(step) for step in range(4)]
    batches.device_augments = True
    made = [ops.convert_to_numpy(DeviceAugmentation(shape, rounds=True)(*batches.for_step(step))) for step in range(4)]
    apart = np.abs(np.array(made, "int16") - np.array(on_host, "int16"))
    print(f"augmentation {shape}: at most {apart.max()} of 255 apart, {apart.mean():.4f} on average")
