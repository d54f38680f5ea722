"""A page to try models on, for the browser of this machine."""
