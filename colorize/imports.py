"""How Keras is imported: in silence, without what nobody asks it for, whatever the user's own settings of it say."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from colorize.errors import UserError

NEVER_ASKED_FOR = {"tensorflow": ("sklearn", "pandas", "matplotlib", "jax"), "jax": ("sklearn", "pandas", "matplotlib")}
"""What Keras and TensorFlow import where it is there, for wrappers that are not used here: 3 of the 8 seconds in which
Keras starts on TensorFlow, 1.4 of 3.4 on JAX (2 slow cores, November 2026)."""


def import_keras(backend: str) -> ModuleType:
    """Imports it on a backend.

    Raises:
        ModuleNotFoundError: the backend is not installed.
        UserError: Keras does not start with what its file of settings says.
    """
    settings = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "keras.json"
    try:
        with hidden(*NEVER_ASKED_FOR[backend]):
            import keras
    except (ValueError, TypeError, AttributeError, OSError) as error:
        if not settings.exists():
            raise
        raise UserError(f"Keras does not start with what {settings} says: {error}; correct it, or remove it") from None
    if backend == "jax":
        with hidden("tensorflow"):  # else it is imported, in 5 more seconds, to get a seed too
            keras.utils.set_random_seed(0)  # Keras, which has missed it once, does not look again
    return keras


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Lets packages that are not imported yet seem to be missing."""
    missing = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]  # None: there is no such package
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


@contextmanager
def silenced() -> Iterator[None]:
    """Holds back what native libraries write to standard error while they start; shown after all if they fail."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            yield
        except BaseException:
            noise.seek(0)
            os.write(kept, noise.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
