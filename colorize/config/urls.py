"""URLs of folders that lie elsewhere, as fsspec has them: `s3://bucket/photos`, `zip://train::s3://bucket/photos.zip`.

Links of a chain are joined by `::`: what is left of it lies in what is right of it.
"""

import re
from pathlib import Path

CHAIN = "::"


def is_url(root: str) -> bool:
    """Whether a root is a URL, and no path of this machine; `C://photos` is one."""
    return "://" in root and re.match(r"[A-Za-z][A-Za-z0-9+.-]+(://|::)", root) is not None


def name_of(url: str) -> str:
    """What people call the folder: the last step of the innermost path that has one; not what is asked behind `?`."""
    *inner, outermost = url.split(CHAIN)
    paths = [link.partition("://")[2] for link in inner] + [outermost.rpartition("://")[2]]
    names = [path.partition("?")[0].strip("/").rpartition("/")[2] for path in paths]
    return next(filter(None, names), url)


def below(url: str, folder: str) -> str:
    """The URL of a folder in that of another."""
    links = url.split(CHAIN)
    at = next(number for number, link in enumerate(links) if "://" in link)  # before it: how it is cached
    links[at] += folder if links[at].endswith("/") else f"/{folder}"
    return CHAIN.join(links)


def with_whole_path(url: str) -> str:
    """The URL whose outermost link, where that is a path of this machine, holds in any working folder."""
    *inner, outermost = url.split(CHAIN)
    if inner and outermost and "://" not in outermost:
        outermost = str(Path(outermost).expanduser().absolute())
    return CHAIN.join([*inner, outermost])
