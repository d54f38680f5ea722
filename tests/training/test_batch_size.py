"""The largest batch that fits is found, and told where there was no room."""

import functools

import keras
import pytest
from messages import assert_wording, refused
from processes import start

from colorize.backend import is_out_of_memory
from colorize.config.compose import composed
from colorize.config.messages import Refusal
from colorize.runs.layout import load_config
from colorize.training.batch_size import largest


def small_card(photos: int) -> None:
    """In the process of a training: no step of more photos finds room, as a backend says it, and a CPU may be asked."""
    from colorize.config.data import Data
    from colorize.training.learner import Learner

    step = Learner.train_step

    def train_step(self, *given):
        arrays = [array for array in keras.tree.flatten(given[-1]) if array is not None]
        if min(array.shape[0] for array in arrays) > photos:  # one of them may be all photos there are
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes")
        return step(self, *given)

    Learner.train_step = train_step
    Data.problems = lambda self, config: ()


@pytest.mark.once
@pytest.mark.parametrize("exponents", [0, 1, 5, 13])
def test_bisection_finds_the_largest_power_of_two(exponents):
    for room in (0, 1, 2, 3, 31, 32, 100, 10**5):
        found, asked = asked_for(exponents, room)
        expected = max((2**e for e in range(exponents + 1) if 2**e <= room), default=None)
        assert found == expected and len(asked) <= 4 and set(asked) <= {2**e for e in range(exponents + 1)}


def asked_for(exponents: int, room: int) -> tuple[int | None, list[int]]:
    """What is found, and which sizes are tried."""
    asked: list[int] = []

    def fits(size: int) -> bool:
        asked.append(size)
        return size <= room

    return largest(exponents, fits), asked


@pytest.mark.once
def test_a_batch_that_fits_is_looked_for_on_a_gpu_alone():
    with refused("data.batch_size.auto_on_cpu", Refusal):
        composed(["data.batch_size=auto"])
    assert composed(["data.batch_size=auto", "trainer=gpu"]).data.batch_size == "auto"
    with refused("data.batch_size.auto_by_heart", Refusal):
        composed(["data.batch_size=auto", "trainer=gpu", "trainer.overfit_steps=3"])


@pytest.mark.once
def test_a_backend_that_has_no_room_is_understood():
    import jax
    import tensorflow as tf

    assert is_out_of_memory(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"))
    assert is_out_of_memory(jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate"))
    assert not is_out_of_memory(ValueError("shapes do not fit"))


@pytest.mark.slow
def test_a_run_takes_the_largest_batch_that_fits(tmp_path):
    """The same run as with that number."""
    sabotage = functools.partial(small_card, 8)  # of which nothing would be left
    training = start(tmp_path / "auto", "data.batch_size=auto", sabotage=sabotage)
    assert training.end() == 0, training.written
    assert "data.batch_size=auto: 4" in training.written
    assert load_config(tmp_path / "auto").data.batch_size == 4
    assert start(tmp_path / "four", "data.batch_size=4").end() == 0
    histories = [(tmp_path / name / "history.csv").read_text().splitlines() for name in ("auto", "four")]
    learned = [[line.split(",")[:3] for line in history] for history in histories]
    assert learned[0] == learned[1]


@pytest.mark.slow
def test_a_run_out_of_memory_says_what_would_fit(tmp_path):
    sabotage = functools.partial(small_card, 5)
    training = start(tmp_path / "run", "data.batch_size=13", "data.augmentation.on=device", sabotage=sabotage)
    assert training.end() == 2
    assert_wording("data.batch_size.out_of_memory", training.refusal.replace("CPU", "cpu"))  # as JAX calls it
