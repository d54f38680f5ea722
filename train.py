"""Trains a colorizer: `python train.py [GROUP=OPTION] [KEY=VALUE]`; `python train.py --help` lists both."""

import sys

import hydra
from omegaconf import DictConfig

from colorize.cli.command_line import check_command_line


@hydra.main(version_base="1.3", config_path="configs", config_name="train")
def main(composed: DictConfig) -> float:
    """One job: returns the ab RMSE on the validation photos, which a search may minimise."""
    from colorize.cli.train import job

    return job(composed)


if __name__ == "__main__":
    sys.argv[1:] = check_command_line(sys.argv[1:])
    main()
