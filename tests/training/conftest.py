"""A small network in the place of MobileNet."""

from backbones import tiny  # noqa: F401
