"""How busy the machine is, logged while a run goes on."""

import threading
from collections.abc import Callable

SYSTEM = "system/"
EVERY = 10.0
"""Seconds between two measurements, as in MLflow."""


class SystemMetrics:
    """Measures in a thread of its own, with MLflow's monitors: its own thread would send past our journal.

    Args:
        log: called with values and their number.
        first: number of the first measurement.
    Attributes:
        number: of the next one.
    """

    def __init__(self, log: Callable[[dict, int], None], first: int):
        self._log, self.number = log, first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="system metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nothing is logged any more."""
        self._stop.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        monitors = _monitors()
        while not self._stop.wait(EVERY):
            values: dict[str, float] = {}
            for monitor in monitors:
                monitor.collect_metrics()
                values |= {f"{SYSTEM}{name}": value for name, value in monitor.aggregate_metrics().items()}
                monitor.clear_metrics()
            if not self._stop.is_set():
                self._log(values, self.number)
                self.number += 1


def _monitors() -> list:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor

    monitors = [CPUMonitor(), DiskMonitor()]
    try:
        return [*monitors, GPUMonitor()]
    except Exception:  # of several kinds: there is no GPU, or no package that could ask it
        return monitors
