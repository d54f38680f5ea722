"""Files of weights: read without running what is in them, and refused where they are not the expected ones."""

import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from messages import assert_wording, refused
from perceptual_weights import alexnet, write_lpips

from colorize.errors import UserError
from colorize.metrics.perceptual.weight_files import (
    WEIGHT_FILES,
    check_weights,
    read_pickled_arrays,
    read_torchscript_arrays,
    read_weights,
)

pytestmark = pytest.mark.once


class Malicious:
    """Unpickled in the usual way, it makes a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


MISSING = {"lpips": "evaluation.lpips_weights.missing", "inception": "evaluation.inception_weights.missing"}


def write_zip(path, **entries: bytes):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(f"model/{name.replace('__', '/')}", content)
    return path


@pytest.mark.parametrize(
    ("kind", "key"), [("lpips", "evaluation.lpips_weights.code"), ("inception", "evaluation.inception_weights.code")]
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_file_that_wants_to_run_code_is_refused_and_nothing_runs(tmp_path, kind, key, protocol):
    hostile = pickle.dumps({"AlexNet_0": [Malicious(tmp_path / "ran")]}, protocol)
    path = tmp_path / "weights"
    path.write_bytes(hostile) if kind == "lpips" else write_zip(path, **{"data.pkl": hostile})
    with refused(key):
        check_weights(str(path), kind)
    assert not (tmp_path / "ran").exists()
    pickle.loads(hostile)
    assert (tmp_path / "ran").exists()  # it would have


@pytest.mark.parametrize("kind", WEIGHT_FILES)
@pytest.mark.parametrize(
    "content",
    [None, "folder", "zip", b"", b"\x89PNG", pickle.dumps([1.0], 3), pickle.dumps({"a": np.ones(3)}, 3)[:-20]],
)
def test_a_file_that_is_not_the_expected_one_is_refused_in_one_sentence_and_two_commands(tmp_path, kind, content):
    path = tmp_path / "weights"
    if content == "folder":
        path.mkdir()
    elif content == "zip":
        write_zip(path, readme=b"text")
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        check_weights(str(path), kind)
    expected, message = WEIGHT_FILES[kind], str(raised.value)
    assert raised.value.exit_status == 2 and f"evaluation.{kind}_weights={path}" in message and "\n" not in message
    assert expected.network in message and message.endswith(expected.source)
    if content is None:
        assert_wording(MISSING[kind], message)


def test_the_weights_of_another_network_are_refused(tmp_path):
    tree = alexnet()
    tree["AlexNet_0"]["Conv_0"]["bias"] = np.zeros(96, "float32")
    with refused("evaluation.lpips_weights.other_network"):
        check_weights(write_lpips(tmp_path / "alexnet.ckpt", tree), "lpips")
    check_weights(write_lpips(tmp_path / "alexnet.ckpt", alexnet()), "lpips")


@pytest.mark.parametrize(
    ("kind", "key"), [("lpips", "evaluation.lpips_weights.none"), ("inception", "evaluation.inception_weights.none")]
)
def test_no_path_is_refused_with_its_key(kind, key):
    with refused(key):
        check_weights(None, kind)


def test_reading_imports_no_backend():
    code = (
        "import sys, colorize.metrics.perceptual.weight_files as _; print('keras' in sys.modules, 'jax' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


def test_pickled_arrays_keep_their_values_in_every_order(tmp_path):
    values = np.arange(12.0).reshape(3, 4)
    tree = {"a": {"b": values, "c": np.asfortranarray(values)}, "d": values.astype(">f4")}
    (tmp_path / "arrays").write_bytes(pickle.dumps(tree, 4))
    arrays = read_pickled_arrays(tmp_path / "arrays")
    assert list(arrays) == ["a.b", "a.c", "d"]
    for array in arrays.values():
        np.testing.assert_array_equal(array, values)


def test_arrays_of_objects_are_refused(tmp_path):
    with refused("evaluation.lpips_weights.objects"):
        read_weights(write_lpips(tmp_path / "alexnet.ckpt", {"a": np.array([None])}), "lpips")


def module(**members: bytes) -> bytes:
    """Opcodes of a TorchScript module whose attributes are given as opcodes."""
    return b"c__torch__.net\nModule\n)\x81}(" + b"".join(plain(k) + v for k, v in members.items()) + b"ub"


def tensor(key: str, offset: int, shape: tuple, strides: tuple) -> bytes:
    """Opcodes of a tensor that looks at an entry of the archive."""
    storage = b"(" + plain("storage") + b"ctorch\nFloatStorage\n" + plain(key) + plain("cpu") + plain(6) + b"tQ"
    rest = b"".join(map(plain, (offset, shape, strides, False)))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"ccollections\nOrderedDict\n)RtR"


def plain(value) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def torchscript(path, root: bytes):
    values = np.arange(6, dtype="<f4").tobytes()
    return write_zip(path, **{"data.pkl": b"\x80\x02" + root + b".", "data__0": values})


def test_torchscript_tensors_are_read_with_their_offset_and_strides(tmp_path):
    inner = module(weight=tensor("0", 0, (2, 3), (3, 1)), training=plain(True))
    root = module(net=inner, turned=tensor("0", 0, (3, 2), (1, 3)), end=tensor("0", 4, (2,), (1,)))
    arrays = read_torchscript_arrays(torchscript(tmp_path / "net.pt", root))
    values = np.arange(6.0).reshape(2, 3)
    assert list(arrays) == ["net.weight", "turned", "end"]
    for name, expected in {"net.weight": values, "turned": values.T, "end": [4, 5]}.items():
        np.testing.assert_array_equal(arrays[name], expected)


@pytest.mark.parametrize("view", [(0, (7,), (1,)), (4, (3,), (1,)), (0, (2, 3), (4, 1)), (0, (2,), (-1,))])
def test_a_tensor_that_reaches_beyond_its_data_is_refused(tmp_path, view):
    path = torchscript(tmp_path / "net.pt", module(weight=tensor("0", *view)))
    with pytest.raises(UserError) as raised:
        read_weights(path, "inception")
    numpys = str(raised.value.__context__)
    assert_wording("evaluation.inception_weights.beyond", str(raised.value), reason=numpys)
