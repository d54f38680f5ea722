"""The one exception for mistakes that a user can mend; it is shown without a stack trace."""

import errno

LONGEST = 300
"""Letters of what is repeated in a message."""


class UserError(Exception):
    """Something the user can put right: the message says what, why, and what to do next."""

    exit_status = 2


PLACES = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EROFS, errno.ENODEV)
"""What is wrong with a place that somebody named, and not with the program."""


def mistake_of(error: Exception) -> UserError | None:
    """An error as a mistake of the user's: one already, or a place that cannot be used; None where it is neither."""
    if isinstance(error, UserError):
        return error
    if not isinstance(error, OSError) or error.errno not in PLACES or not error.filename:
        return None
    return UserError(f"{_cut(str(error.filename))}: {error.strerror}; choose another place, or give leave to use it")


class NotUsable(Exception):
    """Why a file is no photo of ours, in a few words."""

    @classmethod
    def damaged(cls, error: Exception) -> "NotUsable":
        """What a decoder says of a file, in one line."""
        return cls(f"damaged: {' '.join(str(error).split()) or type(error).__name__}")


class PlugInMissing(NotUsable):
    """A file of a format that is read where a plug-in is installed."""


LISTED = 8
"""Names that a message lists before it counts the rest."""


def listed(names: list[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(printable, names[:LISTED])) + more


def printable(name: str) -> str:
    """A name in one line: a file's may be no UTF-8, have line breaks in it, or what steers a terminal."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def first_line(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    return _cut((str(error).strip().splitlines() or [type(error).__name__])[0])


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
