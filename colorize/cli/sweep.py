"""Runs that belong together: a sweep (`-m`) is one parent run in MLflow, its jobs beneath it, compared at the end.

A sweep that was stopped goes on by the same command, into the same folder.

Hydra calls `SweepCallback`, named in `configs/train.yaml`. Jobs may run in other processes or on other machines: they
find their parent in a file in the folder of the sweep.
"""

import atexit
import itertools
import json
import math
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import yaml
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from colorize.config.base import TRAIN
from colorize.config.compose import parse
from colorize.console import fail
from colorize.distribution.processes import processes_of
from colorize.errors import UserError
from colorize.hub import read_result
from colorize.metrics.summary import gain_in_words, gain_over
from colorize.runs.layout import CONFIG, HYDRAS, RESULT, is_over, load_config
from colorize.tracking.uri import is_server
from colorize.tracking.views import BEST, EXPERIMENT_ID, RUN_ID, page_of

if TYPE_CHECKING:
    from colorize.tracking.client import StoredRuns

SWEEP, FAILURE, COMPARISON = "sweep.json", "error.txt", "comparison"


def parent_of(folder: Path) -> str | None:
    """The parent run of a job, whose `folder` lies in that of its sweep; None where MLflow is off."""
    for above in folder.resolve().parents:
        if (above / SWEEP).is_file():
            return json.loads((above / SWEEP).read_text(encoding="utf-8"))["parent_run_id"]
    return None


def metrics_of_finished(folder: Path) -> dict[str, float] | None:
    """The metrics of a job that an earlier process of the same sweep has finished; None where there is none.

    What an earlier process noted of its failure is forgotten: the job is tried again.
    """
    (folder / FAILURE).unlink(missing_ok=True)
    if not (folder / CONFIG).is_file() or not is_over(folder, load_config(folder).trainer):
        return None
    print(f"{folder} is finished already, and is left as it is")
    return read_result(folder / RESULT)["metrics"]


def note_failure(folder: Path, error: Exception) -> float:
    """Writes down why a job failed, so that the others can go on; the sweep ends with an error all the same.

    Returns:
        infinity, which a search that minimises never takes for good.
    """
    is_users = isinstance(error, UserError)
    text = str(error) if is_users else "".join(traceback.format_exception(error))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FAILURE).write_text(text + "\n", encoding="utf-8")
    print(f"this job failed, the sweep goes on: {text}", file=sys.stderr)
    return math.inf


class SweepCallback(Callback):
    """Starts the parent run before the first job, ends it and compares the jobs after the last."""

    def on_multirun_start(self, config: DictConfig, **kwargs) -> None:
        """Makes the folder of the sweep and the parent run, or goes on with the same sweep."""
        together = processes_of(config.trainer.hosts)
        if together.number > 1:
            fail(UserError(f"-m: a sweep is started by one process, and this is {together}; its jobs may have several"))
        self.folder = Path(config.hydra.sweep.dir).resolve()
        self.overrides = list(config.hydra.overrides.task)
        before = self._before()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.swept = swept_values(config, self.overrides)
        self.stored: StoredRuns | None = None
        self.parent: str | None = before.get("parent_run_id")
        if config.tracking.name != "off":
            try:
                self._start_parent(config.tracking)
            except UserError as error:
                if not is_server(self.stored.uri if self.stored else ""):
                    fail(error)
                print(f"the sweep has no run of its own: {error}. Its jobs go on", file=sys.stderr)
        about = {"parent_run_id": self.parent, "overrides": self.overrides}
        (self.folder / SWEEP).write_text(json.dumps(about) + "\n", encoding="utf-8")
        self.jobs = jobs_of(config, self.swept)
        self.is_over = False
        atexit.register(self._stopped)  # does nothing after another end

    def _before(self) -> dict[str, Any]:
        """What an earlier process noted of the same sweep; empty where there was none."""
        if not (self.folder / SWEEP).exists():
            return {}
        before = json.loads((self.folder / SWEEP).read_text(encoding="utf-8"))
        if before.get("overrides") != self.overrides:
            fail(UserError(f"hydra.sweep.dir: {self.folder} holds another sweep, which is kept; choose another folder"))
        return before

    def _start_parent(self, tracking: DictConfig) -> None:
        from colorize.tracking.client import StoredRuns

        self.stored = StoredRuns(tracking.uri)
        if self.parent:
            return self.stored.go_on(self.parent)
        name = f"sweep: {' '.join(self.overrides) or 'one job'}"[:250]
        tags = {"overrides": " ".join(self.overrides), "folder": str(self.folder), "sweep": "true"}
        self.parent = self.stored.start(tracking.experiment, name, tags)
        parameters = {key: ", ".join(values) for key, values in self.swept.items()}
        self.stored.describe(self.parent, sweep_description(self.swept, 0, None), parameters)

    def _stopped(self) -> None:
        """Ends a sweep that was interrupted: which jobs are left, and how they are run."""
        if self.is_over:
            return
        self._end("KILLED")
        finished = {path.parent.name for path in self.folder.rglob(RESULT)}
        known = self.jobs if finished <= set(self.jobs) else {}  # somebody's `hydra.sweep.subdir` names them otherwise
        left = [f"  {job}: {label}" for job, label in known.items() if job not in finished]
        command = " ".join([TRAIN, "-m", *map(quote, self.overrides), quote(f"hydra.sweep.dir={self.folder}")])
        which = "\n".join(["these jobs are not finished:", *left, "they are run"]) if left else "what is left is run"
        print(f"the sweep was stopped; {which} by: {command}", file=sys.stderr)

    def on_multirun_end(self, config: DictConfig, **kwargs) -> None:
        """Compares the jobs that finished, and ends with an error where some did not."""
        self.is_over = True
        finished = sorted(path.parent for path in self.folder.rglob(RESULT))
        failed = sorted(path.parent for path in self.folder.rglob(FAILURE))
        for folder in failed:
            first = (folder / FAILURE).read_text(encoding="utf-8").strip().splitlines()
            print(f"failed: {folder}: {first[-1 if first[0].startswith('Traceback') else 0]}", file=sys.stderr)
        if len(finished) > 1:
            self._compare(finished)
        self._end("FAILED" if failed else "FINISHED", failed)
        if failed:
            print(f"{len(failed)} of {len(failed) + len(finished)} jobs failed", file=sys.stderr)
            sys.exit(1)

    def _compare(self, finished: list[Path]) -> None:
        from colorize.cli.compare import compare

        try:
            compare([str(folder) for folder in finished], out=self.folder / COMPARISON, log_to=self._log_target())
        except UserError as error:
            print(f"the jobs cannot be compared: {error}", file=sys.stderr)

    def _tell_best(self, parent: str) -> None:
        """The page of the sweep has the figures of its best job, the one farthest below its trivial baselines."""
        results = {path.parent: read_result(path) for path in sorted(self.folder.rglob(RESULT))}
        if not results or self.stored is None:
            return
        gains = {
            folder: gain_over(result["metrics"]["ab_rmse"], [own["ab_rmse"] for own in result["baselines"].values()])
            for folder, result in results.items()
        }
        folder, gain = max(gains.items(), key=lambda item: item[1])
        error, run_id = results[folder]["metrics"]["ab_rmse"], results[folder].get("mlflow_run_id")
        name = self._overrides_of(folder)
        linked = f"[{name}]({page_of(EXPERIMENT_ID, run_id)})" if run_id else name
        best = f"{linked}: ab RMSE {error:.3f}, {gain_in_words(gain)}"
        is_compared = (self.folder / COMPARISON / f"{COMPARISON}.html").exists()
        text = sweep_description(self.swept, len(results), best, is_compared)
        self.stored.describe(parent, text, {}, {f"{BEST}/ab_rmse": error, f"{BEST}/gain": gain})

    def _overrides_of(self, folder: Path) -> str:
        """What a job has of what the sweep varies."""
        overrides = yaml.safe_load((folder / HYDRAS / "overrides.yaml").read_text(encoding="utf-8"))
        own = [text for text in overrides if text.lstrip("+").partition("=")[0] in self.swept]
        return " ".join(own) or folder.name

    def _log_target(self):
        return (self.stored, self.parent) if self.parent else None

    def _end(self, status: str, failed: Iterable[Path] = ()) -> None:
        if self.stored is None or self.parent is None:
            return
        parent, self.parent = self.parent, None
        try:
            for folder in failed:
                self.stored.client.log_artifact(
                    parent, str(folder / FAILURE), f"failed/{folder.relative_to(self.folder)}"
                )
            self.stored.end(parent, status)
            self._tell_best(parent)
        except Exception as error:  # of whatever kind: the jobs are done, and this is their log
            print(f"the sweep could not be told whole to MLflow: {error}", file=sys.stderr)


def swept_values(config: DictConfig, overrides: list[str]) -> dict[str, list[str]]:
    """What a sweep varies: key -> values, in Hydra's order; of an interval that a search looks through, its words."""
    of_file = [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    return {
        override.get_key_element(): list(override.sweep_string_iterator())
        if not override.is_interval_sweep()
        else [override.get_value_element_as_str()]
        for override in parse([*of_file, *overrides])
        if override.is_sweep_override()
    }


def jobs_of(config: DictConfig, swept: dict[str, list[str]]) -> dict[str, str]:
    """The jobs of Hydra's own sweeper, in its order: number -> overrides; empty where a search chooses them."""
    if not config.hydra.sweeper.get("_target_", "").endswith("BasicSweeper"):
        return {}
    choices = [[f"{key}={value}" for value in values] for key, values in swept.items()]
    return {str(number): " ".join(job) for number, job in enumerate(itertools.product(*choices))}


def sweep_description(swept: dict[str, list[str]], finished: int, best: str | None, is_compared: bool = False) -> str:
    """What the page of a sweep says: the best job, how many there are, what they vary, and where they are compared."""
    varied = "; ".join(f"`{key}`: {', '.join(values)}" for key, values in swept.items()) or "nothing"
    lines = [f"A sweep of {varied}. {finished} jobs have finished; they are the runs beneath this one."]
    if best:
        lines.insert(0, f"**Best: {best}**")
    if is_compared:
        compared = page_of(EXPERIMENT_ID, RUN_ID, f"/artifacts/{COMPARISON}/{COMPARISON}.html")
        lines.append(f"[Comparison of the jobs]({compared})")
    return "\n\n".join(lines)
