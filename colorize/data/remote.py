"""Files that lie elsewhere, in whatever fsspec opens: a bucket (`s3://`), a data set of Hugging Face's (`hf://`), a zip
file (`zip://`).

Each storage raises errors of kinds of its own. All are caught here, and come out as one kind that says in words what
was wrong.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from functools import lru_cache
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import BadZipFile

from colorize.data.groups import in_groups
from colorize.errors import UserError, first_line, printable

if TYPE_CHECKING:
    import fsspec

TOGETHER, TOGETHER_BYTES = 64, 2**25
"""Files that are read at a time; and bytes, where they are not those of one file."""

MOST_FAILED = 100
"""After so many files, none but them, that cannot be read, the storage is taken to be at fault and not the files."""


class RemotePath(NamedTuple):
    """A file elsewhere: the URL of the folder that is read, the name of the file below it, and its size in bytes."""

    url: str
    name: str
    size: int

    def __str__(self) -> str:
        return f"{self.name} in {self.url}"


PhotoPath = str | RemotePath
"""Where a photo is: a path of this machine, or elsewhere."""


@lru_cache(maxsize=8)
def _storage(url: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """What reads a URL, and how the paths of all files below it begin there."""
    from fsspec.core import url_to_fs  # .2 s, which those whose photos lie here need not wait for

    storage, folder = url_to_fs(url)
    return storage, f"{folder.rstrip('/')}/" if folder else ""


def list_files(url: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All files below a URL: the name of each, and what its storage says of it.

    Raises:
        UserError: no such kind of URL, its package is not installed, it is no folder, or cannot be listed.
    """
    try:
        _storage.cache_clear()  # an archive may be another one by now
        storage, start = _storage(url)
        storage.invalidate_cache()
        found = storage.find(start.rstrip("/"), detail=True)
        storage.invalidate_cache()  # which would hold all of it as long as this process lives
    except Exception as error:
        raise UserError(_why_not(url, error)) from None
    if list(found) == [start.rstrip("/")]:
        raise UserError(f"data.root: {url} is a file; expected a folder of photos{how_to_unzip(url)}")
    while found:
        path, about = found.popitem()
        if about["type"] == "file" and not path.endswith("/"):  # `folder/` is how some write an empty folder
            yield path.removeprefix(start), _in_full(storage, path, about)


def _in_full(storage: fsspec.AbstractFileSystem, path: str, about: dict[str, Any]) -> dict[str, Any]:
    """What is known of a file: some list names alone, and say more when they are asked for one."""
    if about.get("size") is not None:
        return about
    try:
        return storage.info(path)
    except Exception:
        return about


def _why_not(url: str, error: Exception) -> str:
    message = f"data.root: {url} cannot be listed: {first_line(error)}"
    if isinstance(error, ImportError):  # fsspec says which package it is
        return f"{message}: pip install -e '.[s3]' -c constraints.txt" if url.startswith("s3:") else message
    if isinstance(error, FileNotFoundError | IsADirectoryError | ValueError | TypeError | BadZipFile):
        return f"{message}; expected a URL that fsspec opens, such as s3://BUCKET/photos or zip://::FILE.zip"
    return f"{message}; docs/own_photos.md says where addresses and credentials are looked for"


def how_to_unzip(root: str) -> str:
    """What is said where a folder was expected, and photos are zipped; empty for other files."""
    return f"; photos in a zip file: {quote(f'data.root=zip://::{root}')}" if root.lower().endswith(".zip") else ""


def read_each(paths: Sequence[RemotePath]) -> Iterator[bytes | OSError]:
    """Reads files of one URL in turn, a few at the same time where the storage can; in place of one that fails, why.

    Raises:
        UserError: one after the other fails.
    """
    failed = 0
    for group in in_groups(paths, lambda path: path.size, TOGETHER, TOGETHER_BYTES):
        for path, content in zip(group, _read_group(group)):
            failed = failed + 1 if isinstance(content, OSError) else 0
            if isinstance(content, OSError) and failed == MOST_FAILED:
                raise UserError(
                    f"data.root: {path.url}: {failed} files, one after the other, cannot be read, the last of them"
                    f" {printable(path.name)}: {content.strerror}"
                )
            yield content


def _read_group(paths: list[RemotePath]) -> list[bytes | OSError]:
    try:
        storage, start = _storage(paths[0].url)
        names = [start + path.name for path in paths]  # not by `cat`, to which `[1]` in a name is a pattern
        found: list[Any] = storage.cat_ranges(names, None, None, on_error="return")
    except Exception as error:
        found = [error] * len(paths)
    return [OSError(errno.EIO, _in_words(each)) if isinstance(each, Exception) else each for each in found]


def _in_words(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):  # which names the path alone
        return "no such file"
    return getattr(error, "strerror", None) or first_line(error)
