"""A small configuration with an EfficientNet-Lite."""

LITE = ["encoder=efficientnet_lite0", "encoder.weights=none", "data.height=64", "data.width=96", "decoder.filters=4"]
LITE += [
    "fusion.units=3",
    "fusion.channels=2",
    "data.augmentation.min_crop_scale=1.0",
    "data.augmentation.max_exposure_stops=0.0",
]
LITE += ["data.augmentation.mixup_probability=0.0", "decoder.dropout=0"]
