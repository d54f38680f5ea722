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
    "question": ["encoder.filters=3", "data.height=6", "data.width=8"],
    "pyramid": ["encoder.filters=[3,4]"],
    "koalarization": ["encoder.filters=[3,3,4,4,5,5,4,4]", "decoder=koalarization", "decoder.filters=[4,3,3,2]"],
    "residual": ["encoder.width=4", "encoder.levels=2"],
    "efficientnet_lite0": ["encoder.weights=none", "encoder.trainable=all", "data.height=64", "data.width=32"],
}


def small(config_of, fusion, encoder="pyramid", *more):
    """A configuration with a picture that is not square, and with every size as small as it makes sense."""
    size = ["data.height=24", "data.width=16"]
    chosen = [f"fusion={fusion}", f"encoder={encoder}", *FUSIONS[fusion], *ENCODERS[encoder]]
    return config_of(*size, *chosen, *more)


def about(config, bins=None, **more):
    """What a model file says of itself, of a configuration that was not trained."""
    from colorize.runs.model_file import About

    rows = bins.rows() if bins else None
    plain = {"name": "test", "date": "2026-11-26", "config": config.stored(), "bins": rows, "data": "sample"}
    return About(**{**plain, "data_digest": "none", "photos": {"train": 1, "val": 1}, **more})


def keep(config, network, folder, bins=None, **more):
    """Writes what a finished run leaves of its model into a folder; `network` as `build_network` returns it."""
    from colorize.models.colorizer import Colorizer
    from colorize.runs.layout import save_config
    from colorize.runs.model_file import MODEL
    from colorize.runs.weights import save_model

    save_config(config, folder)
    save_model(Colorizer(network), folder / MODEL, about(config, bins, **more))


def give_tables(model):
    """Writes tables of the baselines into the model file, as the end of a training does."""
    from colorize.runs.model_file import MODEL, read_about
    from colorize.runs.weights import load_colorizer, save_model

    tables = {"mean_ab": (3.0, -4.0), "ab_given_lightness": [(5.0, 0.0)] * 101}
    save_model(load_colorizer(model), model / MODEL, read_about(model).model_copy(update=tables))
