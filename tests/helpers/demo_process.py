"""The demo in a process of its own."""

import os
import subprocess
import sys
from contextlib import contextmanager

from browser import free_port, is_open, until

from colorize.config.base import PROJECT


@contextmanager
def demo(*arguments):
    """`python -m colorize demo` in a process of its own; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "colorize", "demo", *map(str, arguments), "--port", str(port), "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    environment.pop("PYTEST_CURRENT_TEST", None)  # NiceGUI would take itself for one of its own tests
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: is_open(port) or process.poll() is not None, "its page")
        assert process.poll() is None, process.stdout.read()
        yield port
    finally:
        process.kill()
        process.communicate()
