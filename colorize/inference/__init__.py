"""Painting photos of any size with a trained model: from Python, from the command line, from a server."""
