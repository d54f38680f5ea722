"""`python -m colorize demo`: a page to try models on."""

from importlib.util import find_spec

from rich.console import Console

from colorize.console import say
from colorize.errors import UserError


def demo(names: list[str], port: int, opens_browser: bool, tracking: str | None) -> None:
    """Serves the page until it is interrupted.

    Args:
        names: of models that can be chosen there; none: all registered ones, and the one that comes with colorize.
        tracking: URI of MLflow that knows them.
    """
    if not find_spec("nicegui"):
        raise UserError("nicegui not installed: pip install -e '.[demo]' -c constraints.txt")
    from colorize.demo.models import models_for

    models, refused = models_for(names, tracking)
    for sentence in refused:
        say(Console(), sentence)
    from colorize.demo.server import serve

    serve(models, port, opens_browser)
