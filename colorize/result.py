"""What a run comes to: `result.json` and the table beside the trivial baselines."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from colorize.run_folder import RESULT

COLUMNS = {"ab_rmse": "ab RMSE", "ab_mae": "ab MAE", "psnr_pooled": "PSNR pooled", "colorfulness": "colorfulness"}
NAMES = {"grey": "grey (ab = 0)", "mean_ab": "mean ab", "ab_given_lightness": "E\\[ab given L]"}


@dataclass(frozen=True)
class Result:
    """Figures of one run. Metrics are of the best checkpoint on the held-out photos; see `metrics.Totals.metrics`.

    Attributes:
        metrics: ab_rmse and ab_mae in Lab units, psnr_pooled in dB, colorfulness.
        baselines: the same four of grey, mean_ab and ab_given_lightness.
        colorfulness_truth: of the held-out photos themselves.
        best_epoch: the epoch whose weights were kept.
        epochs: epochs that were trained, the last perhaps in part.
        images_per_second: in training, compilation included, evaluation and painting not.
        seconds: from the start of the run to the table.
        input_wait_share: share of training time in which no batch was ready.
        tracking_share: share of all time spent in tracking calls.
        peak_memory_bytes: of the GPU; None on a CPU.
    """

    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    colorfulness_truth: float
    best_epoch: int
    epochs: int
    images_per_second: float
    seconds: float
    input_wait_share: float
    tracking_share: float
    parameters: int
    photos: dict[str, int]
    data_digest: str
    device: dict[str, str]
    peak_memory_bytes: int | None
    versions: dict[str, str]
    mlflow_run_id: str | None

    def save(self, folder: Path) -> Path:
        """Writes `result.json`; what is not finite becomes null, since JSON has no infinity."""
        path = folder / RESULT
        path.write_text(json.dumps(_finite(asdict(self)), indent=2, allow_nan=False) + "\n")
        return path

    def gain(self) -> float:
        """Share by which ab RMSE is below the best trivial baseline's."""
        return 1 - self.metrics["ab_rmse"] / min(b["ab_rmse"] for b in self.baselines.values())

    def table(self) -> Table:
        """Ours beside the baselines and the truth."""
        title = f"{self.photos['held_out']} held-out photos, best checkpoint (epoch {self.best_epoch})"
        table = Table("", *COLUMNS.values(), title=title)
        for column in table.columns[1:]:
            column.justify = "right"
        for name, baseline in self.baselines.items():
            table.add_row(NAMES[name], *_cells(baseline))
        table.add_section()
        table.add_row("ours", *_cells(self.metrics), style="bold")
        table.add_row("truth", "0", "0", "", f"{self.colorfulness_truth:.2f}")
        return table


def _cells(metrics: dict[str, float]) -> list[str]:
    return [f"{metrics[name]:.3f}" if name != "colorfulness" else f"{metrics[name]:.2f}" for name in COLUMNS]


def _finite(values):
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    return None if isinstance(values, float) and not math.isfinite(values) else values
