"""Runs that can be compared."""

import json

import numpy as np
import pytest
from PIL import Image

from colorize.__main__ import main
from colorize.comparison.runs import Run
from colorize.evaluation.report import Evaluation, evaluation_name, save_photos
from colorize.metrics.summary import pooled
from colorize.runs.layout import save_config

PHOTOS = 60


@pytest.fixture
def run_of(tmp_path, config_of):
    """Writes the output folder of a run whose photos have given errors, and reads it."""

    def make(name, *overrides, shift=0.0, seed=1, digest="d", part="val", noise=0.5, photos=PHOTOS, data="t"):
        config = config_of(f"seed={seed}", *overrides)
        folder = tmp_path / name
        place = folder / "evaluation" / evaluation_name("sample", part, (16, 32), digest)
        for pictures in ("grey", "painted", "truth"):
            (place / pictures).mkdir(parents=True)
            Image.new("RGB", (32, 16), (10, 20, 30)).save(place / pictures / "photo-1.png")
        common, own = np.random.default_rng(7), np.random.default_rng([seed, len(name)])
        difficulty = common.uniform(5, 20, photos)
        values = {name: difficulty + shift + own.normal(0, noise, photos) for name in ("ab_rmse", "ab_mae", "rgb_rmse")}
        values |= {name: difficulty / 10 + own.normal(0, 0.01, photos) for name in ("ssim", "ciede2000", "auc")}
        values |= {"auc_balanced": difficulty / 20, "balance_weight": np.ones(photos)}
        for metric in ("colorfulness", "colorfulness_abs"):
            values |= {metric: difficulty + shift, f"{metric}_truth": 2 * difficulty}
        metrics = {key: float(value) for key, value in pooled(values).items()}
        baselines = {key: metrics for key in ("grey", "mean_ab", "ab_given_lightness")}
        truth = {"colorfulness": 30.0, "colorfulness_abs": 25.0}
        everything = {**baselines, "ours": metrics}
        evaluation = Evaluation(
            "sample", part, photos, digest, (16, 32), ["A protocol."], everything, truth, name, 1.0
        )  # fmt: skip
        evaluation.save(place)
        keys = [f"photo-{i}" for i in range(photos)]
        save_photos(place, keys, keys, keys, values)
        save_config(config, folder)
        (folder / "history.csv").write_text("epoch,val_ab_rmse\n1,14.0\n2,13.5\n")
        result = {"data_digest": data, "parameters": 5000, "images_per_second": 100.0 * seed}
        (folder / "result.json").write_text(json.dumps(result))
        return Run(str(folder), folder, config, evaluation, keys, values, np.zeros(2), data, result)

    return make


@pytest.fixture
def four(run_of):
    return [
        run_of(name, f"fusion={fusion}", seed=seed, shift=shift)
        for name, fusion, seed, shift in (
            ("n1", "none", 1, 0.0), ("n2", "none", 2, 0.0), ("g1", "row_gru", 1, -1.0), ("g2", "row_gru", 2, -1.02)
        )
    ]  # fmt: skip


def compared(out, *arguments):
    main(["compare", *map(str, arguments), "--out", str(out)])
