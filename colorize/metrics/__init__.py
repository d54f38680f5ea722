"""How well a photo is coloured. Formulas one file each; `photos.py` applies them, `pooled.py` sums them up.

Weights of other networks are in `stored_arrays.py`, which must not import Keras: hence nothing is imported here.
"""
