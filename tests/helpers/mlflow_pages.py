"""Pages of MLflow's UI as a user finds them, and README's pictures of them.

`python tests/helpers/mlflow_pages.py DATABASE FOLDER` (SQLite, with a finished run) writes them.
"""

import io
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from browser import browser, free_port, is_open, until
from mlflow import MlflowClient
from PIL import Image
from selenium.webdriver import ActionChains, Keys

WIDTH, LOW, HIGH = 1500, 800, 3000
"""Of the window; high, all that a test looks for is in it."""


class Pages:
    """The UI of one run.

    Args:
        driver: of the browser.
        base: address of the UI.
        client: of the same database.
        run: of MLflow.
    """

    def __init__(self, driver, base: str, client, run):
        self.driver, self.client, self.run = driver, client, run
        self.base, self.experiment = f"{base}/#", f"experiments/{run.info.experiment_id}"
        self.of_run = f"{self.experiment}/runs/{run.info.run_id}"
        driver.get(base)
        # MLflow's assistant opens itself on the first visit and covers a quarter of the page.
        for key, value in (("panelOpen_v1", "false"), ("fab.autoOpenedOnFirstLoad_v1", "true")):
            driver.execute_script("localStorage.setItem(arguments[0], arguments[1])", f"mlflow.assistant.{key}", value)

    def open(self, place: str, *texts: str) -> None:
        """Opens a page and waits until it shows some texts."""
        self.driver.get("about:blank")  # the same address with another part behind # would not be loaded anew
        self.driver.get(f"{self.base}/{place}")
        self._wait_for(texts, f"on {place}")

    def _wait_for(self, texts, where: str) -> None:
        for text in texts:
            until(lambda text=text: text in self.text(), f"{text!r} {where}")

    def text(self) -> str:
        """All that the page shows."""
        return self.driver.execute_script("return document.body.innerText")

    def results(self, *texts: str) -> None:
        """The table of runs in its view of results, to which the description of the experiment leads."""
        self.open(f"{self.experiment}/runs", "what came of them")
        (link,) = self.driver.find_elements("link text", "Results")
        self.driver.get(link.get_attribute("href"))  # a click would open it in another window
        self._wait_for(texts, "among the results")

    def overview(self, *texts: str) -> None:
        """The page of the run, its description unfolded."""
        self.open(self.of_run, "Show more")
        (more, *_) = self.driver.find_elements("xpath", "//button[.//text()='Show more'] | //*[text()='Show more']")
        more.click()
        self._wait_for(texts, "in the description")

    def curves(self, *texts: str) -> None:
        """The curves of the run."""
        self.open(f"{self.of_run}/model-metrics", *texts)

    def grid(self):
        """The first picture in the image grid, as an element; below the curves, and made only where one looks:
        the window must be high."""
        return until(self._find_grid, "a comparison grid")

    def _find_grid(self):
        shown = [picture for picture in self.driver.find_elements("tag name", "img") if "grid" in source(picture)]
        return shown[0] if shown and shown[0].get_property("naturalWidth") else None

    def shows(self, step: int) -> bool:
        """Whether that picture is the one of a step."""
        return f"%2Bstep%2B{step}%2B" in source(self.grid())

    def last_step(self) -> int:
        """The last one that its slider goes to."""
        return int(self._slider().get_attribute("aria-valuemax"))

    def slide(self) -> None:
        """One step on."""
        ActionChains(self.driver).click(self._slider()).send_keys(Keys.ARROW_RIGHT).perform()

    def _slider(self):
        return self.driver.find_elements("css selector", "[role=slider]")[0]

    def artifact(self, path: str, *texts: str) -> None:
        """A file of the run."""
        self.open(f"{self.of_run}/artifacts/{path}", *texts)

    def widths(self) -> set[int]:
        """Of the pictures that the page shows, in their own pixels."""
        return {picture.get_property("naturalWidth") for picture in self.driver.find_elements("css selector", "img")}

    def cells(self, role: str) -> list[str]:
        """What the cells of a table, or its `columnheader`s, say; each once."""
        texts = "return [...document.querySelectorAll(`[role=${arguments[0]}]`)].map(cell => cell.innerText.trim())"
        return list(dict.fromkeys(self.driver.execute_script(texts, role)))

    def model(self, *texts: str) -> None:
        """The page of the run's model."""
        self.open(f"{self.experiment}/models/{self.run.outputs.model_outputs[0].model_id}", *texts)

    def registered(self, name: str, *texts: str) -> None:
        """The page of a registered model."""
        self.open(f"models/{name}", *texts)

    def save(self, path: Path, around=None) -> None:
        """Writes what the window shows; of a high one, as much as a low one would, around an element."""
        if around:
            self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", around)
        with Image.open(io.BytesIO(self.driver.get_screenshot_as_png())) as shown:
            if around:
                top = max(0, around.rect["y"] + around.rect["height"] / 2 - LOW / 2)
                shown = shown.crop((0, int(top), shown.width, int(top) + LOW))
            shown.save(path)


def source(picture) -> str:
    """The address of a picture."""
    return picture.get_attribute("src") or ""


@contextmanager
def opened(database: str, height: int = HIGH):
    """`mlflow ui` in a process of its own and a browser in front of it; yields the `Pages` of the newest run."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", database, "--port", str(port)]
    client = MlflowClient(database)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    run = client.search_runs(experiments, "attributes.status = 'FINISHED'", order_by=["attributes.start_time DESC"])[0]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen([*command, "--workers", "1"], stdout=log, stderr=log, start_new_session=True)
        try:
            until(lambda: is_open(port) or process.poll() is not None, "the UI")
            log.seek(0)
            assert process.poll() is None, log.read()
            with browser(width=WIDTH, height=height) as driver:
                yield Pages(driver, f"http://127.0.0.1:{port}", client, run)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main(database: str, folder: Path) -> None:
    """Writes README's pictures of the UI."""
    with opened(database, LOW) as pages:
        pages.results(pages.run.info.run_name[:12], f"{pages.run.data.metrics['val_best/ab_rmse']:.4f}"[:-1])
        pages.save(folder / "mlflow_runs.png")
        pages.overview("evaluate")
        pages.save(folder / "mlflow_run.png")
        pages.curves("ab_rmse", "learning_rate")
        until(
            lambda: len(pages.driver.find_elements("css selector", ".plot-container .scatterlayer .trace")) > 5,
            "curves",
        )
        pages.save(folder / "mlflow.png")
        pages.driver.set_window_size(WIDTH, HIGH)
        while not pages.shows(pages.last_step()):
            pages.slide()
        pages.save(folder / "mlflow_grids.png", pages.grid())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
