"""Texts that are kept in arrays."""

import numpy as np
import pytest

from colorize.data.texts import Hashes, Joined, Texts

pytestmark = pytest.mark.once


@pytest.mark.parametrize("texts", [["a", "", "Küste/写真.jpg", "bad \udcff name"], []])
def test_texts_and_sums_come_back(texts):
    hashes = [f"{number:064x}" for number in range(len(texts))]
    for kind, values in ((Texts, texts), (Hashes, hashes)):
        kept = kind.of(values)
        assert list(kept) == values and len(kept) == len(values) and kept[1:3] == values[1:3]
        for at in (-1, np.int64(2)) if values else ():
            assert kept[at] == values[at]


def test_texts_behind_others_are_counted_on():
    joined = Joined(("a", "b"), (), Texts.of(["c"]), Joined(("d",), ("e",)))
    assert list(joined) == ["a", "b", "c", "d", "e"] and joined[-1] == "e" and joined[1:4] == ["b", "c", "d"]
    with pytest.raises(IndexError):
        joined[5]
