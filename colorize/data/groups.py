"""What fits into memory together."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def in_groups(items: Iterable[T], size_of: Callable[[T], int], most: int, most_size: int) -> Iterator[list[T]]:
    """Items in their order, so many together as are allowed in number and in size; one that is larger, alone."""
    group: list[T] = []
    size = 0
    for item in items:
        if group and (len(group) == most or size + size_of(item) > most_size):
            yield group
            group, size = [], 0
        group.append(item)
        size += size_of(item)
    if group:
        yield group
