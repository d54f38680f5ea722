"""The model that comes with the package; see MODEL_CARD.md beside it."""
