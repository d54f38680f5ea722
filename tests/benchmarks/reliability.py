"""What reliability costs: `python tests/benchmarks/reliability.py [--times 5] [KEY=VALUE]` (nothing else running).

Shares of the time of a run, each measured within one run, and their medians over some runs: of saving checkpoints; of
tracking (the time in which training stands still for it) with a database, with a server that is absent, answers 500, or
does not answer for half a minute, the wait at the end included (which is the same for a long run: the seconds are
printed too). And the time of a step with the guard against NaN, over that of one without it, taken in turns.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from useless import UselessServer

from colorize import backend
from colorize.config.compose import composed
from colorize.data.load import read_dataset
from colorize.tracking.open_tracker import open_tracker
from colorize.training.signals import StopSignals


def shares(overrides: list[str]) -> tuple[float, float, float]:
    """One run: the shares of saving and of tracking in all of its time, and this time."""
    from colorize.training.run import run

    config = composed(overrides)
    with tempfile.TemporaryDirectory() as place, StopSignals() as signals:
        started, folder = time.perf_counter(), Path(place)
        dataset = read_dataset(config.data)
        tracker = open_tracker(config, folder)
        device = backend.start(config.backend, config.trainer.device)
        result = run(config, dataset, device, tracker, signals, folder, overrides, started)
        seconds = time.perf_counter() - started
    return result.checkpoint_share, tracker.seconds / seconds, seconds


def guard(overrides: list[str], times: int) -> list[float]:
    """Seconds of 30 steps with the guard over those of 30 steps without it, each time in turns."""
    import keras
    import numpy as np

    from colorize.models.colorizer import Colorizer, build_network
    from colorize.training.learner import Learner
    from colorize.training.optimizer import NOT_DECAYED, build_optimizer

    class Unguarded(Learner):
        train_step = Colorizer.train_step

    def plain(optimizer, settings):
        how = {"weight_decay": settings.weight_decay, "global_clipnorm": settings.clip_norm}
        average = {"use_ema": True, "ema_momentum": settings.average, "ema_overwrite_frequency": None}
        made = keras.optimizers.AdamW(optimizer._learning_rate, **how, **average)
        made.exclude_from_weight_decay(var_names=NOT_DECAYED)
        made.finalize_variable_values = lambda variables: None
        return made

    config = composed(overrides)
    size = config.data.batch_size * 30, config.data.height, config.data.width, 3
    photos = np.random.default_rng(0).integers(0, 256, size).astype("uint8")

    def learner(kind, guarded: bool):
        keras.utils.set_random_seed(1)
        made = kind(build_network(config))
        optimizer = build_optimizer(config.optimizer, 80, 29)
        if not guarded:
            optimizer = plain(optimizer, config.optimizer)
        made.compile(optimizer=optimizer)
        return made

    def seconds(made) -> float:
        start = time.perf_counter()
        made.fit(photos, batch_size=config.data.batch_size, verbose=0, shuffle=False)
        return time.perf_counter() - start

    pair = learner(Learner, True), learner(Unguarded, False)
    for made in pair:
        seconds(made)  # compiles
    ratios = []
    for number in range(times):
        first, second = pair if number % 2 else pair[::-1]
        taken = {first: seconds(first), second: seconds(second)}
        ratios.append(taken[pair[0]] / taken[pair[1]])
    return ratios


def main() -> None:
    """Prints a line per figure: its median and all of its values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="colorize-runs-"))
    places = {
        "database, new at first": f"tracking.uri=sqlite:///{place / 'runs.db'}",
        "absent server": "tracking.uri=http://127.0.0.1:9",
        "server that answers 500": f"tracking.uri={UselessServer(500).uri}",
        "server that answers after 30 s": f"tracking.uri={UselessServer(503, seconds=30).uri}",
    }
    backend.start(composed(options.overrides).backend, "cpu")

    def show(what: str, values: list[float]) -> None:
        listed = " ".join(f"{value:.4f}" for value in sorted(values))
        print(f"{what}: median {statistics.median(values):.4f} ({listed})", flush=True)

    for what, place in places.items():
        runs = [shares([*options.overrides, place]) for _ in range(options.times)]
        saving, tracking, seconds = zip(*runs)
        show(f"{what}: share of saving", saving)
        show(f"{what}: share of tracking", tracking)
        show(f"{what}: seconds of tracking", [share * whole for share, whole in zip(tracking, seconds)])
        show(f"{what}: seconds", seconds)
    show("a step with the guard over one without", guard(options.overrides, options.times))


if __name__ == "__main__":
    main()
