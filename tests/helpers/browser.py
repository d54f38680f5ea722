"""A real browser without a window: Chromium by way of Selenium, as Debian packages them (`chromium-driver`)."""

import shutil
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

NEEDED = ("chromium", "chromedriver")
NOT_THERE = [name for name in NEEDED if not shutil.which(name)]
needs_browser = pytest.mark.skipif(bool(NOT_THERE), reason=f"no {' and no '.join(NOT_THERE)} on this machine")
PATIENCE = 240


@contextmanager
def browser(downloads: Path | None = None, width: int = 1500, height: int = 1000):
    """A browser with a window of that size."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={width},{height}"):
        options.add_argument(argument)
    if downloads:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def until(condition, what: str):
    """Waits for something that is true; returns it."""
    from selenium.common.exceptions import StaleElementReferenceException

    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(StaleElementReferenceException):  # the page was drawn anew between two looks at it
            found = condition()
            if found:
                return found
        time.sleep(0.2)
    raise AssertionError(f"it never came to {what}")


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_open(port: int) -> bool:
    """Whether somebody listens to it."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
