"""What a run comes to: `result.json` and the table beside the trivial baselines."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from colorize.evaluation.report import finite
from colorize.metrics.summary import BASELINES, METRICS, gain_in_words, gain_over, shown
from colorize.runs.atomic import write_whole
from colorize.runs.layout import RESULT

COLUMNS = ("ab_rmse", "ab_mae", "psnr_pooled", "auc", "colorfulness")


@dataclass(frozen=True)
class Result:
    """Figures of one run. Metrics are of the best checkpoint on the val photos; see `metrics.pooled`.

    Attributes:
        metrics: all of `metrics.pooled.METRICS`, by name.
        baselines: the same of grey, mean_ab and ab_given_lightness.
        truth: colorfulness of the val photos themselves.
        best_epoch: the epoch whose weights were kept.
        epochs: whole epochs that were trained; a run that ends within one may have its best weights from there.
        images_per_second: in training, compilation included, evaluation and painting not.
        seconds: from the start of the run to the table.
        input_wait_share: share of training time in which no batch was ready.
        tracking_share: share of all time spent in tracking calls.
        checkpoint_share: share of all time spent in saving checkpoints.
        parameters: of the network, those of a frozen encoder included.
        frozen_parameters: of its backbone, which come on top, or of the frozen stages of its encoder, which do not.
        fusion_parameters: of the fusion, among `parameters`.
        peak_memory_bytes: of the GPU since the process began, so of earlier jobs of a sweep too; None on a CPU.
    """

    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    truth: dict[str, float]
    best_epoch: int
    epochs: int
    images_per_second: float
    seconds: float
    input_wait_share: float
    tracking_share: float
    checkpoint_share: float
    parameters: int
    frozen_parameters: int
    fusion_parameters: int
    photos: dict[str, int]
    data_digest: str
    device: dict[str, str]
    peak_memory_bytes: int | None
    versions: dict[str, str]
    mlflow_run_id: str | None

    def save(self, folder: Path) -> Path:
        """Writes `result.json`; what is not finite becomes null, since JSON has no infinity."""
        path = folder / RESULT
        write_whole(path, (json.dumps(finite(asdict(self)), indent=2, allow_nan=False) + "\n").encode())
        return path

    def gain(self) -> float:
        """Share by which ab RMSE is below the best trivial baseline's."""
        return gain_over(self.metrics["ab_rmse"], [values["ab_rmse"] for values in self.baselines.values()])

    def gain_in_words(self) -> str:
        """How far ours is from the best trivial baseline."""
        best = min(values["ab_rmse"] for values in self.baselines.values())
        return f"{gain_in_words(self.gain())} ({best:.3f})"

    @property
    def title(self) -> str:
        """Of the table."""
        return f"{self.photos['val']:,} photos of val, best checkpoint (epoch {self.best_epoch})"

    def rows(self) -> list[list[str]]:
        """Name and `COLUMNS` of the baselines, ours and the truth."""
        rows = [[BASELINES[name], *_shown(baseline)] for name, baseline in self.baselines.items()]
        return [*rows, ["ours", *_shown(self.metrics)], ["truth", *_shown(self.truth)]]

    def table(self) -> Table:
        """Ours beside the baselines and the truth."""
        table = Table("", *[METRICS[name].title for name in COLUMNS], title=self.title)
        for column in table.columns[1:]:
            column.justify = "right"
        *baselines, ours, truth = self.rows()
        for name, *values in baselines:
            table.add_row(escape(name), *values)
        table.add_section()
        table.add_row(*ours, style="bold")
        table.add_row(*truth)
        return table

    def markdown(self) -> str:
        """The same for MLflow, and the gain in a sentence before it."""
        *baselines, ours, truth = self.rows()
        head = [self.title, *[METRICS[name].title for name in COLUMNS]]
        lines = [head, ["---"] * len(head), *baselines, [f"**{text}**" for text in ours], truth]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return f"**ab RMSE {self.metrics['ab_rmse']:.3f}, {self.gain_in_words()}.**\n\n{table}"


def _shown(values: dict[str, float]) -> list[str]:
    return [shown(name, values.get(name)) for name in COLUMNS]
