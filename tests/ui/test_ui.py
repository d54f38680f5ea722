"""The MLflow UI as a user sees it, in a real browser: what a run must show there."""

from pathlib import Path

import pytest
from browser import needs_browser, until
from PIL import Image
from processes import TINY, launch

# Warnings: of what MLflow imports.
pytestmark = [pytest.mark.once, pytest.mark.slow, needs_browser, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A smoke run, registered, in the UI."""
    from mlflow_pages import opened

    place = tmp_path_factory.mktemp("ui")
    database = f"sqlite:///{place / 'runs.db'}"
    tracked = [
        f"tracking.uri={database}",
        "tracking.register=grandma",
        "trainer.epochs=2",
        "trainer.visualize_every_epochs=1",
    ]
    shown = ["fusion=row_gru", "trainer.num_visualized_photos=1", f"hydra.run.dir={place / 'run'}"]
    training = launch(place / "run", [*TINY, *tracked, *shown])
    assert training.end() == 0, training.written
    with opened(database) as found:
        yield found


def figure(pages, name: str) -> float:
    return pages.run.data.metrics[f"val_best/{name}"]


def test_the_runs_table_says_which_run_is_how_good(pages):
    shown = str(figure(pages, "ab_rmse"))[:6]  # MLflow writes all digits: rounded ones need not be among them
    pages.results("sample 16x32", "grandma", shown, "row_gru", "val_best/psnr_pooled")
    columns = {"Run Name", *(f"val_best/{name}" for name in ("gain", "ab_rmse", "psnr_pooled", "colorfulness"))}
    assert columns <= set(pages.cells("columnheader"))  # MLflow sorts them by name


def test_the_page_of_a_run_says_what_it_is_what_came_of_it_and_what_to_do_next(pages):
    best = figure(pages, "ab_rmse") / (1 - figure(pages, "gain"))
    gain = f"the best trivial baseline ({best:.3f})"
    paint = f"python -m colorize paint PHOTO_OR_FOLDER... --model {pages.run.info.run_id}"
    pages.overview(f"ab RMSE {figure(pages, 'ab_rmse'):.3f}", gain, "E[ab given L]", paint, "evaluate", "grandma")


def test_the_curves_and_the_grids_of_several_steps_are_there(pages):
    pages.curves("ab_rmse", "learning_rate")
    assert pages.shows(0), "before the first step"
    assert pages.last_step() == 2
    pages.slide()
    until(lambda: pages.shows(1), "the grid after an epoch")


def test_the_shape_report_is_a_table_and_the_dependency_map_a_picture(pages):
    pages.artifact("shapes/shapes.json", "encoder_down1")
    until(lambda: {"stage", "axes"} <= set(pages.cells("columnheader")), "the head of a table")
    assert {"encoder_down1", "Conv2D"} <= set(pages.cells("cell"))
    pages.artifact("shapes/dependency_map.png", "dependency_map.png")
    report = Path(pages.run.info.artifact_uri.removeprefix("file://"), "shapes")
    with Image.open(report / "dependency_map.png") as picture:
        until(lambda: picture.width in pages.widths(), "the dependency map")


def test_the_model_its_figures_and_its_version_are_there(pages):
    pages.model("val_best/ab_rmse", f"{figure(pages, 'ab_rmse'):.6f}"[:-1], "sample val", "grandma", "v1", "Ready")
    alias = "champion" if figure(pages, "gain") > 0 else "challenger"  # two epochs may be worse than a baseline
    pages.registered("grandma", "Version 1", alias)
