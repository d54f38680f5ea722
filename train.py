"""Trains a colorizer: `python train.py [GROUP=OPTION] [KEY=VALUE]`; `python train.py --help` lists both."""

import sys

from colorize.cli.train import main

if __name__ == "__main__":
    main(sys.argv[1:])
