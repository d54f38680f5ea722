"""What a run leaves in its output folder: names, model file, weights, where it came from."""
