"""Fusions: feature map (B, h, w, C) -> fused map (B, h, w, C + S), a builder per class of `colorize.config.fusion`.

A builder takes the configuration and the map, and applies plain Keras layers. Builders may live anywhere that is
imported; those of this project are one file each.
"""

from importlib import import_module
from pkgutil import iter_modules

for module in iter_modules(__path__, f"{__name__}."):  # a file dropped in beside the others is found
    import_module(module.name)
