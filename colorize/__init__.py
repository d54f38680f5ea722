"""Train a photo colorizer whose feature map is read row by row by bidirectional GRUs."""

__version__ = "0.1.0"
