"""Everything MLflow: the only room that imports it, and not before it is asked to."""
