"""The one exception for mistakes that a user can mend; it is shown without a stack trace."""

import errno

LONGEST = 300
"""Letters of what is repeated in a message."""


class UserError(Exception):
    """Something the user can put right: the message says what, why, and what to do next."""

    exit_status = 2


PLACES = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EROFS, errno.ENODEV)
"""What is wrong with a place that somebody named, and not with the program."""


def of_a_place(error: OSError) -> UserError | None:
    """A place that cannot be looked at or used as a mistake of the user's; None where the error is of another kind."""
    if error.errno not in PLACES or not error.filename:
        return None
    shown = str(error.filename)
    shown = shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."
    return UserError(f"{shown}: {error.strerror}; choose another place, or give leave to use it")


class NotUsable(Exception):
    """Why a file is no photo of ours, in a few words."""


class PlugInMissing(NotUsable):
    """A file of a format that is read where a plug-in is installed."""


LISTED = 8
"""Names that a message lists before it counts the rest."""


def listed(names: list[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def first_line(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
