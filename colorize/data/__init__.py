"""Photos: read safely, split by content, gathered into batches."""
