"""Comparing runs: groups that differ in more than the seed, with intervals of confidence. Keras is not needed."""
