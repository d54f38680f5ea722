"""Everything MLflow: the only package that imports it, with `serving`, and not before it is asked to."""
