"""Checks of arguments and results against annotations, axes and dtypes of arrays included: jaxtyping with beartype.

To be imported before what is checked; the checks change nothing that a test may see.
"""

import inspect
import random

import jaxtyping

_getrandbits, random.getrandbits = random.getrandbits, random.Random(0).getrandbits
# Of a list beartype checks one item, drawn at random: not from the generator that Keras takes its seeds from.
from beartype import BeartypeConf, beartype  # noqa: E402

random.getrandbits = _getrandbits

CHECKED = ["colorize.color", "colorize.data", "colorize.metrics", "colorize.models"]

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do where a float is expected (PEP 484)


def check_types() -> None:
    """Checks every call in the modules of `CHECKED` that are imported from here on."""
    jaxtyped = jaxtyping.jaxtyped

    def with_signature(*, typechecker):
        """Keras reads the arguments of a layer's `__init__` with `getfullargspec`, which looks through no wrapper."""

        def decorate(thing):
            wrapped = jaxtyped(typechecker=typechecker)(thing)
            if inspect.isfunction(thing) and thing.__name__ == "__init__":
                wrapped.__signature__ = inspect.signature(thing)
            return wrapped

        return decorate

    jaxtyping.jaxtyped = with_signature
    jaxtyping.install_import_hook(CHECKED, "type_checks.checked")
