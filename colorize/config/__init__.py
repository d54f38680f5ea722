"""The typed configuration: every key, its type, its range, and the combinations that cannot work.

The values live in `configs/`; nothing here has a default, so that a YAML file says all there is to say.
Neither Keras nor a backend is imported, so that a wrong configuration is refused at once.
"""
