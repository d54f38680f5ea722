"""The folder that experiment=photos trains on: `python tests/benchmarks/photos.py IMAGENETTE PHOTOS`.

Links, no copies: Imagenette's train/ and the sample's training photos to train on (of which experiment=photos takes a
share to choose the checkpoint by), Imagenette's val/ as the test that only `evaluate` looks at. The sample's validation
photos are left out, so that what starts from such a model can be evaluated by them.
"""

import os
import sys
from pathlib import Path

from colorize.config.compose import composed
from colorize.data.folder import SAMPLE
from colorize.data.load import read_dataset


def main(imagenette: Path, photos: Path) -> None:
    """Makes the folder; what is there already is an error."""
    sample = photos / "train" / "sample"
    sample.mkdir(parents=True)
    for name in read_dataset(composed([]).data).train.names:
        os.symlink((SAMPLE / name).resolve(), sample / Path(name).name)
    os.symlink((imagenette / "train").resolve(), photos / "train" / "imagenette")
    os.symlink((imagenette / "val").resolve(), photos / "test")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
