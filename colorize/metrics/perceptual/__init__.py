"""LPIPS and FID, which need networks that others trained, and the reading of their files."""
