"""Everything that depends on which backend computes: choosing it, its devices, its memory, its noise.

Imported before Keras. The only module of the package, but for `export`, in which a backend is imported.
"""

import ctypes
import hashlib
import logging
import os
import platform
import sys
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import psutil

from colorize.distribution.processes import ALONE, Processes
from colorize.environment import cache_folder
from colorize.errors import UserError
from colorize.imports import import_keras, silenced

KEPT_MEMORY = {-1: 2**31 - 1, -2: 2**28, -3: 2**30, -8: 1}
"""glibc's M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD and M_ARENA_MAX (malloc.h): memory is asked for in pieces of
256 MiB and not given back."""

DRIVERS = ("/dev/nvidia*", "/dev/nvhost*", "/dev/nvmap", "/dev/kfd", "/dev/dxg")
"""What Linux shows of the drivers of NVIDIA's cards and boards, of AMD's, and of Windows's around it."""

COMPILED_BYTES = 2**30
"""Of what JAX has compiled, at most so much is kept, what was used last."""


@dataclass(frozen=True)
class Device:
    """What the run computes on."""

    backend: str
    kind: str
    """cpu or gpu."""
    name: str
    number: int = 1
    """How many of them, of all processes together; each computes its part of every batch."""
    processes: Processes = ALONE

    def __str__(self) -> str:
        hosts = f" in {self.processes.number} processes" if self.processes.number > 1 else ""
        return self.name if self.number == 1 else f"{self.number} x {self.name}{hosts}"

    @property
    def facts(self) -> dict[str, str]:
        """What is kept of it with a result."""
        return {"backend": self.backend, "kind": self.kind, "name": str(self)}


BACKENDS = ("tensorflow", "jax")

ALL = "all"
"""As many devices as there are."""


def wanted(backend: str) -> str:
    """The backend for a model that was trained on one: what KERAS_BACKEND says, where that is one of ours."""
    here = os.environ.get("KERAS_BACKEND")
    return here if here in BACKENDS else backend


def start(backend: str, device: str, devices: int | str = 1, processes: Processes = ALONE) -> Device:
    """Starts Keras on a backend and a device, without the start-up noise of either.

    Args:
        backend: tensorflow or jax.
        device: cpu, which leaves graphics cards alone, or gpu.
        devices: how many of them of each process, or all.
        processes: that compute together; waits for the others.
    Raises:
        UserError: another backend is running in this process, the backend is not installed, no GPU was found, or fewer
            devices than were asked for.
    """
    check_device(backend, device)
    _set_environment(backend, device)
    if device == "cpu":
        _keep_memory()
    try:
        with silenced():
            keras = import_keras(backend)

            # Whatever ~/.keras/keras.json says: what is computed does not depend on whose machine it is.
            keras.config.set_floatx("float32")
            keras.config.set_epsilon(1e-7)
            keras.config.set_image_data_format("channels_last")
            processes.join()
            found = _devices(backend, device)
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # photos of several sizes are no mistake
    except ModuleNotFoundError as error:
        raise UserError(f"backend={backend} needs the package {error.name}: {_install(backend, device)}") from None
    if keras.backend.backend() != backend:
        raise UserError(
            f"backend={backend} was asked for, but Keras runs on {keras.backend.backend()} in this process, which"
            " cannot change: unset KERAS_BACKEND, or start a process for each backend"
        )
    if not found:
        raise _no_gpu(backend)
    number = len(found) if devices == ALL else int(devices)
    if number > len(found):
        raise UserError(
            f"trainer.devices={devices}, but backend={backend} finds {len(found)} of kind {device}{_visible()}: take"
            f" trainer.devices={ALL} for all that there are"
        )
    return Device(backend, device, found[0], number * processes.number, processes)


def check_device(backend: str, device: str) -> None:
    """Looks for what no GPU is without: a machine that has none says so at once, not when a backend has started.

    Raises:
        UserError: there is no driver of a graphics card.
    """
    if device == "gpu" and sys.platform == "linux" and not any(glob(pattern) for pattern in DRIVERS):
        raise _no_gpu(backend)


def _no_gpu(backend: str) -> UserError:
    return UserError(
        f"no GPU was found where trainer.device=gpu asks for one. Looked for: a CUDA device that backend={backend}"
        f" can use{_visible()}; {_install(backend, 'gpu')}; or train on the CPU with trainer=cpu"
    )


def _set_environment(backend: str, device: str) -> None:
    if "keras" not in sys.modules:  # what KERAS_BACKEND says is for those who ask `wanted`
        os.environ["KERAS_BACKEND"] = backend
    for name in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):  # would end a run early, without a word
        os.environ.pop(name, None)
    os.environ["KERAS_NNX_ENABLED"] = "0"  # the layers of another library, which keras.json may ask for
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # JAX: grow, do not take the whole card
    if backend == "jax":
        _keep_compiled()
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        os.environ["JAX_PLATFORMS"] = "cpu"


def _keep_compiled() -> None:
    """Lets JAX keep on disk what it has compiled, for the next process; where nothing can be written, it keeps nothing.

    In a folder for each kind of processor: machine code of another one can end the program (jax#38445), and a home may
    be that of a whole cluster. JAX's own variables come first.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = cache_folder() / "jax" / _processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(COMPILED_BYTES))


def _processor() -> str:
    """A short name for what the processor can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # Linux alone has it
        lines = []
    can = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    return hashlib.sha256(f"{platform.machine()} {can}".encode()).hexdigest()[:16]


def _keep_memory() -> None:
    """Lets the C library keep what is freed: every step frees its maps and asks for them again.

    Given back to Linux each time, they are cleared and mapped anew page by page. A CIFAR-10 network of 89,000
    parameters spent 44 % of its time in that, and trained 541 instead of 1,002 photos/s (TensorFlow, 2 cores).
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt  # glibc alone has it
    except (OSError, AttributeError):
        return
    for option, value in KEPT_MEMORY.items():
        mallopt(option, value)


def _devices(backend: str, device: str) -> list[str]:
    if backend == "jax":
        import jax

        return [d.device_kind for d in jax.local_devices() if d.platform == ("cpu" if device == "cpu" else "gpu")]
    import tensorflow as tf

    devices = tf.config.list_physical_devices(device.upper())
    if device == "gpu":
        for gpu in devices:
            if not tf.config.experimental.get_memory_growth(gpu):  # a later job of a sweep finds it set, for good
                tf.config.experimental.set_memory_growth(gpu, True)
    return [tf.config.experimental.get_device_details(d).get("device_name", "CPU") for d in devices]


def let_xla_introduce_itself() -> None:
    """TensorFlow says once in a process that it has compiled something with XLA: here, and nobody hears it."""
    import tensorflow as tf

    with silenced():
        tf.function(lambda x: x + 1.0, jit_compile=True)(tf.constant(1.0))


def start_trace(backend: str, folder: Path) -> None:
    """Begins to trace what is computed, into files for xprof in a folder; of JAX also for Perfetto."""
    if backend == "jax":
        import jax

        jax.profiler.start_trace(str(folder), create_perfetto_trace=True)
    else:
        import tensorflow as tf

        tf.profiler.experimental.start(str(folder))


def stop_trace(backend: str) -> None:
    """Ends it and writes the files."""
    if backend == "jax":
        import jax

        jax.profiler.stop_trace()
    else:
        import tensorflow as tf

        tf.profiler.experimental.stop()


def peak_memory_bytes(device: Device) -> int | None:
    """Most memory of the GPU in use at once so far, or None on a CPU, where the backends do not count."""
    return _memory(device, "peak_bytes_in_use", "peak")


def memory_bytes(device: Device) -> int | None:
    """Memory of the GPU in use now, or None on a CPU."""
    return _memory(device, "bytes_in_use", "current")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device had no room for what was to be computed, as its backend says it."""
    words = ("RESOURCE_EXHAUSTED", "CUDA_ERROR_OUT_OF_MEMORY", "ALLOC_FAILED")
    return type(error).__name__ == "ResourceExhaustedError" or any(word in str(error) for word in words)


def memory_limit_bytes(device: Device) -> int:
    """Most memory that the device may give to this process; 0 where that is not known."""
    if device.kind == "cpu":
        return psutil.virtual_memory().total
    if device.backend == "jax":
        return _memory(device, "bytes_limit", "") or 0
    try:
        import pynvml

        pynvml.nvmlInit()
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
        is_number = first.isdigit()
        card = pynvml.nvmlDeviceGetHandleByIndex(int(first)) if is_number else pynvml.nvmlDeviceGetHandleByUUID(first)
        return pynvml.nvmlDeviceGetMemoryInfo(card).total
    except Exception:  # the package, its library or the card is missing
        return 0


def _memory(device: Device, of_jax: str, of_tensorflow: str) -> int | None:
    if device.kind == "cpu":
        return None
    if device.backend == "jax":
        import jax

        return (jax.local_devices()[0].memory_stats() or {}).get(of_jax)
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")[of_tensorflow]


def _visible() -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if visible is None else f" (CUDA_VISIBLE_DEVICES={visible!r})"


def _install(backend: str, device: str) -> str:
    extra = {"cpu": {"tensorflow": "", "jax": "[test]"}, "gpu": {"tensorflow": "[gpu]", "jax": "[jax-gpu]"}}
    return f"install it with: pip install -e '.{extra[device][backend]}' -c constraints.txt"
