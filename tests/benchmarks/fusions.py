"""What each fusion costs: `python tests/benchmarks/fusions.py [--backend NAME] [--device gpu] [OVERRIDE...]`.

Training steps on random pictures of a configuration under each fusion, each in a process of its own: parameters of the
fusion, milliseconds a step (the median), photos per second, and the most memory that the process, or the GPU, had.
Without overrides it is the default run on 8 pictures of 512 x 128, whose map has 64 rows, 64 timesteps of `row_gru`;
`data.height=2048` makes them 256. `experiment=fusion_ablation fusion.stride=2` is the study at its finest map.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

FUSIONS = ["none", "row_gru", "column_gru", "pixel_gru", "min_gru", "attention", "global_pool", "conv"]
PICTURES = ["data.height=512", "data.width=128", "data.batch_size=8"]
STEPS, WARM_UP = 15, 3


def main() -> None:
    """Runs each fusion in a process of its own and prints a line for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="tensorflow", choices=("tensorflow", "jax"))
    parser.add_argument("--device", default="cpu", choices=("cpu", "gpu"))
    parser.add_argument("--fusion", help="this one alone, in this process, as JSON")
    parser.add_argument("overrides", nargs="*", default=PICTURES, help=f"as for train.py ({' '.join(PICTURES)})")
    options = parser.parse_args()
    if options.fusion:
        print(json.dumps(measured(options)))
        return
    print(f"{'fusion':<12} {'parameters':>10} {'ms a step':>10} {'photos/s':>9} {'MiB':>7}")
    for fusion in FUSIONS:
        command = [sys.executable, __file__, *sys.argv[1:], "--fusion", fusion]
        values = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
        sizes = f"{values['parameters']:>10,} {values['ms']:>10.0f} {values['photos']:>9,.0f} {values['mib']:>7,.0f}"
        print(f"{fusion:<12} {sizes}", flush=True)


def measured(options: argparse.Namespace) -> dict[str, float]:
    """One fusion."""
    from colorize import backend
    from colorize.config.compose import composed

    config = composed([*options.overrides, f"fusion={options.fusion}", f"backend={options.backend}"])
    height, width, batch = config.data.height, config.data.width, config.data.batch_size
    device = backend.start(options.backend, options.device)
    import keras
    import numpy as np

    from colorize.models.colorizer import build_network
    from colorize.models.match_parameters import with_matched_fusion
    from colorize.training.learner import Learner

    network = build_network(with_matched_fusion(config))
    learner = Learner(network)
    learner.compile(keras.optimizers.AdamW(0.001))
    rgb = np.random.default_rng(0).integers(0, 256, (batch, height, width, 3)).astype("uint8")
    seconds = []
    for _ in range(WARM_UP + STEPS):
        start = time.perf_counter()
        float(learner.train_on_batch(rgb, return_dict=True)["loss"])
        seconds.append(time.perf_counter() - start)
    on_gpu = backend.peak_memory_bytes(device)
    most = on_gpu or 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # Linux counts in KiB
    ms, parameters = 1000 * statistics.median(seconds[WARM_UP:]), network.parameters("fusion")
    return {"parameters": parameters, "ms": ms, "photos": 1000 * batch / ms, "mib": most / 2**20}


if __name__ == "__main__":
    main()
