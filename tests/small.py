"""Every fusion and every encoder at sizes as small as they make sense."""

FUSIONS = {
    "none": [],
    "row_gru": ["fusion.units=3", "fusion.channels=2"],
    "column_gru": ["fusion.units=3", "fusion.channels=2"],
    "pixel_gru": ["fusion.units=3", "fusion.column_units=2", "fusion.channels=2"],
    "min_gru": ["fusion.width=5", "fusion.units=3", "fusion.blocks=2", "fusion.channels=2"],
    "attention": ["fusion.width=8", "fusion.heads=2", "fusion.hidden=6", "fusion.channels=2"],
    "global_pool": ["fusion.hidden=5", "fusion.channels=2"],
    "conv": ["fusion.filters=5", "fusion.hidden=3", "fusion.channels=2"],
}
ENCODERS = {
    "seed": ["encoder.filters=3", "data.height=6", "data.width=8"],
    "pyramid": ["encoder.filters=[3,4]"],
    "koalarization": ["encoder.filters=[3,3,4,4,5,5,4,4]", "decoder=koalarization", "decoder.filters=[4,3,3,2]"],
    "residual": ["encoder.width=4", "encoder.levels=2"],
}


def small(config_of, fusion, encoder="pyramid", *more):
    """A configuration with a picture that is not square, and with every size as small as it makes sense."""
    size = ["data.height=24", "data.width=16"]
    chosen = [f"fusion={fusion}", f"encoder={encoder}", *FUSIONS[fusion], *ENCODERS[encoder]]
    return config_of(*size, *chosen, *more)
