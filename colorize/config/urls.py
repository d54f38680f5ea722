"""URLs of folders that lie elsewhere, as fsspec has them: `s3://bucket/photos`, `zip://train::s3://bucket/photos.zip`.

Links of a chain are joined by `::`: what is left of it lies in what is right of it.
"""

from pathlib import Path

CHAIN = "::"


def is_url(root: str) -> bool:
    """Whether a root is a URL, and no path of this machine."""
    return "://" in root


def name_of(url: str) -> str:
    """What people call the folder: the last step of the innermost path that has one."""
    paths = [link.partition("://")[2] if "://" in link else link for link in url.split(CHAIN)]
    return next((path.strip("/").rpartition("/")[2] for path in paths if path.strip("/")), url)


def below(url: str, folder: str) -> str:
    """The URL of a folder in that of another."""
    innermost, *others = url.split(CHAIN)
    slash = "" if innermost.endswith("/") else "/"
    return CHAIN.join([f"{innermost}{slash}{folder}", *others])


def with_whole_path(url: str) -> str:
    """The URL whose outermost link, where that is a path of this machine, holds in any working folder."""
    *inner, outermost = url.split(CHAIN)
    if inner and outermost and "://" not in outermost:
        outermost = str(Path(outermost).expanduser().absolute())
    return CHAIN.join([*inner, outermost])
