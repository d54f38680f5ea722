"""What each fusion costs: `python tests/benchmarks/fusions.py [--rows T] [--backend NAME]`.

Training steps of the default encoder and decoder under each fusion, as its YAML file has it, on pictures whose map has
T rows and 16 columns, each in a process of its own: parameters of the fusion, milliseconds a step (the median), and
the most memory that the process had.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

FUSIONS = ["none", "row_gru", "column_gru", "pixel_gru", "min_gru", "attention", "global_pool", "conv"]
STEPS, WARM_UP, BATCH = 15, 3, 8


def main() -> None:
    """Runs each fusion in a process of its own and prints a line for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64, help="rows of the feature map (64)")
    parser.add_argument("--backend", default="tensorflow", choices=("tensorflow", "jax"))
    parser.add_argument("--device", default="cpu", choices=("cpu", "gpu"))
    parser.add_argument("--fusion", help="this one alone, in this process, as JSON")
    options = parser.parse_args()
    if options.fusion:
        print(json.dumps(measured(options)))
        return
    print(f"{'fusion':<12} {'parameters':>10} {'ms a step':>10} {'MiB':>7}   map {options.rows} x 16, batch {BATCH}")
    for fusion in FUSIONS:
        command = [sys.executable, __file__, *sys.argv[1:], "--fusion", fusion]
        values = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        print(f"{fusion:<12} {values['parameters']:>10,} {values['ms']:>10.0f} {values['mib']:>7,.0f}", flush=True)


def measured(options: argparse.Namespace) -> dict[str, float]:
    """One fusion."""
    from colorize import backend
    from colorize.composing import composed

    size = [f"data.height={8 * options.rows}", "data.width=128", f"data.batch_size={BATCH}"]
    config = composed([f"fusion={options.fusion}", *size, f"backend={options.backend}"])
    device = backend.start(options.backend, options.device)
    import keras
    import numpy as np

    from colorize.models.colorizer import Learner, build_network

    network = build_network(config)
    learner = Learner(network)
    learner.compile(keras.optimizers.AdamW(0.001))
    rgb = np.random.default_rng(0).integers(0, 256, (BATCH, 8 * options.rows, 128, 3)).astype("uint8")
    seconds = []
    for _ in range(WARM_UP + STEPS):
        start = time.perf_counter()
        float(learner.train_on_batch(rgb, return_dict=True)["loss"])
        seconds.append(time.perf_counter() - start)
    on_gpu = backend.peak_memory_bytes(device)
    most = on_gpu or 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # Linux counts in KiB
    ms = 1000 * statistics.median(seconds[WARM_UP:])
    return {"parameters": network.trace.parameters("fusion"), "ms": ms, "mib": most / 2**20}


if __name__ == "__main__":
    main()
