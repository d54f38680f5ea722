"""Weights of EfficientNet-Lite that were trained on ImageNet, read without running anything of them."""

import hashlib

from colorize.config.efficientnet import INSTALL, EfficientNetLite
from colorize.errors import UserError
from colorize.metrics.perceptual.weight_files import Arrays, read_torch_arrays

SHA256 = {
    "efficientnet_lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet_lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet_lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
"""Of the files in the packages of version 0.1.0."""


def read_imagenet_weights(config: EfficientNetLite) -> Arrays:
    """The arrays of the network and of its classifier, by PyTorch's names.

    Raises:
        UserError: they are not there, or the file holds something else.
    """
    missing, path = config.weights_missing(), config.weights_file
    if missing or path is None:
        raise UserError(f"encoder.weights: expected weights of {config.name}, received {missing}")
    try:
        if config.weights == "imagenet" and hashlib.sha256(path.read_bytes()).hexdigest() != SHA256[config.name]:
            raise ValueError("by its SHA-256 it is not the file of version 0.1.0")
        return read_torch_arrays(path)
    except Exception as error:  # a damaged pickle can fail in any way
        raise UserError(
            f"encoder.weights: {path} should hold the weights of {config.name}, as PyTorch saves them, and cannot be"
            f" used: {error}. Those of ImageNet come with: {INSTALL}"
        ) from None
