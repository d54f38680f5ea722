"""Names and hashes of millions of photos, as arrays that may be mapped: a text is made where it is asked for."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload

import numpy as np


class LazyTexts(Sequence[str]):
    """Texts of which each is made anew."""

    @abstractmethod
    def text(self, number: int) -> str:
        """One of them, by its number from 0."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index):
        """One; or those of a slice."""
        found = range(len(self))[index]
        return [self.text(number) for number in found] if isinstance(index, slice) else self.text(found)


class Texts(LazyTexts):
    """Texts one after the other in an array of bytes.

    Args:
        letters: uint8, all of them, in UTF-8 (as the file system has it).
        ends: int64 (N,), where each ends.
    """

    def __init__(self, letters: np.ndarray, ends: np.ndarray):
        self.letters, self.ends = letters, ends

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Texts":
        """Of texts of Python's."""
        encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
        ends = np.cumsum([len(each) for each in encoded], dtype="int64")
        return cls(np.frombuffer(b"".join(encoded), "uint8"), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def text(self, number: int) -> str:
        """As in the array."""
        start = int(self.ends[number - 1]) if number else 0
        return self.letters[start : int(self.ends[number])].tobytes().decode("utf-8", "surrogateescape")


class Hashes(LazyTexts):
    """SHA-256 sums in hexadecimal digits, kept as uint8 (N, 32)."""

    def __init__(self, sums: np.ndarray):
        self.sums = sums

    @classmethod
    def of(cls, hashes: Sequence[str]) -> "Hashes":
        """Of texts of Python's."""
        return cls(np.frombuffer(bytes.fromhex("".join(hashes)), "uint8").reshape(-1, 32))

    def __len__(self) -> int:
        return len(self.sums)

    def text(self, number: int) -> str:
        """Its 64 digits."""
        return self.sums[number].tobytes().hex()


class Joined(LazyTexts):
    """Texts behind others, which stay where they are."""

    def __init__(self, *parts: Sequence[str]):
        self.parts = [part for part in parts if len(part)]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def text(self, number: int) -> str:
        """That of the part it is in."""
        for part in self.parts:
            if number < len(part):
                return part[number]
            number -= len(part)
        raise IndexError(number)
