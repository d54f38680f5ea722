"""`python -m colorize COMMAND`: one function per command, each thin."""

import argparse
import re
import sys
from pathlib import Path

from colorize import __version__, environment
from colorize import export as exporting
from colorize.config.urls import is_url
from colorize.console import fail_if_mistake
from colorize.errors import UserError
from colorize.hub import MODELS

PROGRAM = "colorize" if Path(sys.argv[0]).name == "colorize" else "python -m colorize"

OVERRIDE = re.compile(r"[+~]*\w[\w.]*=")
"""Of the configuration: no folder and no run, unless a folder is called so."""


def main(arguments: list[str] | None = None) -> None:
    """Runs a command; a mistake of the user's ends with status 2 and one message."""
    environment.prepare()
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["train"]:  # Hydra's to read
        from colorize.cli.train import main as train

        return train(arguments[1:])
    parser = build_parser()
    if "" in arguments:
        parser.error("an argument is empty: is a variable of the shell unset?")
    options, rest = parser.parse_known_args(arguments)
    if rest and (not hasattr(options, "overrides") or any(text.startswith("-") for text in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:  # overrides on both sides of an option
        options.overrides = options.overrides + rest
    try:
        options.command(options)
    except Exception as error:
        fail_if_mistake(error, PROGRAM)
        raise


def build_parser() -> argparse.ArgumentParser:
    """The arguments of all commands but `train`, which Hydra reads."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Train a colorizer, look at one, or use one.")
    parser.add_argument("--version", action="version", version=f"colorize {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("train", help="train one: colorize train [GROUP=OPTION] [KEY=VALUE]; colorize train --help")
    _add_prepare(commands)
    _add_shapes(commands)
    _add_paint(commands)
    _add_evaluate(commands)
    _add_compare(commands)
    _add_export(commands)
    _add_demo(commands)
    _add_sync(commands)
    return parser


def _add_prepare(commands) -> None:
    text = "decode photos ahead of training, into a folder that needs nothing else"
    parser = commands.add_parser("prepare", help=text, description=text)
    parser.add_argument("overrides", nargs="*", help="data.root=PATH, and what else train.py takes of data")
    parser.add_argument("--out", type=_local, required=True, help="folder for it; goes on where it was left")
    parser.set_defaults(command=prepare)


def _add_shapes(commands) -> None:
    parser = commands.add_parser("shapes", help="what every axis of the network means, and which rows depend on which")
    parser.add_argument("overrides", nargs="*", help="as for train.py, for example experiment=question")
    parser.add_argument("--out", type=Path, default=Path("shapes"), help="folder for the map and the report (shapes)")
    parser.set_defaults(command=show_shapes)


def _add_paint(commands) -> None:
    text = "paint photos of any size with a trained model, into files of the same names and sizes"
    parser = commands.add_parser("paint", help=text, description=text)
    photos = "without any: four that come with scikit-image"
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO_OR_FOLDER", help=photos)
    parser.add_argument("--model", help=f"{MODELS} (pretrained: it comes with colorize)")
    parser.add_argument("--out", type=Path, default=Path("painted"), help="folder for the painted photos (painted)")
    parser.add_argument(
        "--compare", action="store_true", help="write a comparison grid beside each: grey, painted, and the truth"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace painted photos that are there already")
    text = "colours between cells: bilinear, or guided by the edges of the lightness (bilinear)"
    parser.add_argument("--upsampling", choices=("bilinear", "guided"), default="bilinear", help=text)
    text = "a photo of another shape: reflect_pad keeps it whole, stretch changes its shape (as in training)"
    parser.add_argument("--resize-mode", choices=("reflect_pad", "stretch"), help=text)
    text = "strength of the colours, 0 (grey) to 2; lightness stays (1)"
    parser.add_argument("--saturation", type=float, default=1.0, metavar="S", help=text)
    _add_where(parser)
    _add_temperature(parser)
    parser.set_defaults(command=paint)


def _add_where(parser) -> None:
    parser.add_argument("--tracking", metavar="URI", help="MLflow that knows the run or the model (mlflow.db)")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="what it is computed on (cpu)")


def _add_models(parser, text: str) -> None:
    """Models as arguments, or each behind --model, as in `paint`."""
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"{MODELS} {text}")
    parser.add_argument("--model", action="append", default=[], metavar="MODEL", help="the same, as in paint")


def _add_temperature(parser) -> None:
    text = "of the annealed mean of head=bins, in 0.001..1 (as trained): lower is more vivid, higher is safer"
    parser.add_argument("--temperature", type=float, metavar="T", help=text)


def _add_export(commands) -> None:
    text = "write a model for other programs: one graph from RGB to RGB, at the model's size"
    parser = commands.add_parser("export", help=text, description=text)
    _add_models(parser, "(pretrained: it comes with colorize)")
    formats = f"one or several of {', '.join(exporting.NAMES)}"
    parser.add_argument("--format", nargs="+", required=True, metavar="FORMAT", help=formats)
    parser.add_argument("--out", type=Path, default=Path("exported"), help="folder for the files (exported)")
    parser.add_argument("--tracking", metavar="URI", help="MLflow that knows the run or the model (mlflow.db)")
    _add_temperature(parser)
    parser.set_defaults(command=export)


def _add_demo(commands) -> None:
    text = "open a page on this machine: drop a photo, see it painted, download it"
    parser = commands.add_parser("demo", help=text, description=text)
    _add_models(parser, "that can be chosen there (all registered ones, and the one that comes with colorize)")
    parser.add_argument("--port", type=port, default=8080, help="of the page (8080)")
    parser.add_argument("--no-browser", action="store_true", help="only print its address")
    parser.add_argument("--tracking", metavar="URI", help="MLflow that knows the models (mlflow.db)")
    parser.set_defaults(command=demo)


def port(text: str) -> int:
    """A port of TCP; argparse says what is wrong by this name."""
    number = int(text)
    if not 1 <= number <= 65535:
        raise ValueError
    return number


def _add_evaluate(commands) -> None:
    text = "evaluate a trained model on photos, the trivial baselines beside it"
    parser = commands.add_parser("evaluate", help=text, description=text)
    _add_models(
        parser, "; one or several (pretrained), and behind them other photos or settings: data=folder data.root=PATH"
    )
    parser.add_argument(
        "--split",
        choices=("train", "val", "test", "all"),
        help="part of the photos (of other photos than its own: all; else test, or val)",
    )
    parser.add_argument("--out", type=Path, help="folder for the results (evaluation/ in the model's folder)")
    _add_where(parser)
    _add_temperature(parser)
    parser.set_defaults(command=evaluate, overrides=[])


def _add_compare(commands) -> None:
    text = "compare runs: groups that differ in more than the seed, with intervals of confidence"
    parser = commands.add_parser("compare", help=text, description=text)
    parser.add_argument("runs", nargs="*", metavar="RUN", help="output folders or run ids")
    parser.add_argument("--experiment", metavar="NAME", help="all finished runs of an experiment in MLflow")
    parser.add_argument("--reference", metavar="LABEL", help="group that others are compared with (the first)")
    parser.add_argument(
        "--evaluation", metavar="DATA-PART", help="for example cifar10-test (what all have, test first)"
    )
    parser.add_argument("--out", type=Path, default=Path("comparison"), help="folder for the results (comparison)")
    parser.add_argument("--overwrite", action="store_true", help="replace the comparison that is there already")
    parser.add_argument("--tracking", metavar="URI", help="MLflow that knows the runs (mlflow.db)")
    parser.set_defaults(command=compare)


def _add_sync(commands) -> None:
    text = "deliver to MLflow what it has not got yet of a run, because it did not answer"
    parser = commands.add_parser("sync", help=text, description=text)
    parser.add_argument("outputs", nargs="+", type=Path, metavar="OUTPUT", help="output folders")
    parser.add_argument("--tracking", metavar="URI", help="another MLflow than the one the run was to be logged to")
    parser.set_defaults(command=sync)


def sync(options: argparse.Namespace) -> None:
    """Delivers the journals of runs."""
    from colorize.cli.sync import sync

    sync(options.outputs, options.tracking)


def export(options: argparse.Namespace) -> None:
    """Writes a model in other formats."""
    from colorize.cli.export import export

    _check_folder(options.out)
    formats = [text for text in options.format if text in exporting.NAMES]
    # `--format onnx MODEL`: what is no format is the model.
    models = [*options.models, *options.model, *(text for text in options.format if text not in formats)]
    if not formats or len(models) > 1:
        received = " ".join([*formats, *models])
        raise UserError(f"export: expected one MODEL and --format {' or '.join(exporting.NAMES)}, received {received}")
    export(models[0] if models else None, formats, options.out, options.tracking, options.temperature)


def demo(options: argparse.Namespace) -> None:
    """Serves a page to this machine."""
    from colorize.cli.demo import demo

    demo([*options.models, *options.model], options.port, not options.no_browser, options.tracking)


def compare(options: argparse.Namespace) -> None:
    """Compares runs: table, Markdown, a page, MLflow."""
    from colorize.cli.compare import check_free, compare

    _check_folder(options.out)
    check_free(options.out, options.overwrite)
    compare(options.runs, options.out, options.experiment, options.reference, options.evaluation, options.tracking)


def evaluate(options: argparse.Namespace) -> None:
    """Evaluates models: table, files, MLflow."""
    from colorize.cli.evaluate import evaluate

    overrides = [text for text in options.models if OVERRIDE.match(text) and not Path(text).exists()]
    models = [*(text for text in options.models if text not in overrides), *options.model]
    if options.out and len(models) > 1:
        raise UserError("--out is one folder, for one model; leave it out, and each evaluation lies beside its model")
    evaluate(
        models or [None], overrides + options.overrides, options.split, options.out, options.tracking, options.device,
        options.temperature,
    )  # fmt: skip


def prepare(options: argparse.Namespace) -> None:
    """Decodes photos ahead of training."""
    from colorize.cli.prepare import prepare

    _check_folder(options.out)
    prepare(options.overrides, options.out)


def show_shapes(options: argparse.Namespace) -> None:
    """Prints the shape report of a configuration."""
    from colorize.cli.shapes import show_shapes

    _check_folder(options.out)
    show_shapes(options.overrides, options.out)


def paint(options: argparse.Namespace) -> None:
    """Paints photos and folders of photos."""
    from colorize.cli.paint import Options, paint

    _check_folder(options.out)
    names = ("resize_mode", "upsampling", "temperature", "saturation", "tracking", "device")
    how = {name: getattr(options, name) for name in names}
    paint(options.photos, Options(options.out, options.compare, options.overwrite), options.model, **how)


def _local(folder: str) -> Path:
    """A folder of this machine, which a URL would be taken for."""
    if is_url(folder):
        raise argparse.ArgumentTypeError(f"expected a folder of this machine, received {folder}")
    return Path(folder)


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UserError(f"--out: {out} is a file; expected a folder, or a name that is free")


if __name__ == "__main__":
    main()
