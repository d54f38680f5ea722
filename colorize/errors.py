"""The one exception for mistakes that a user can mend; it is shown without a stack trace."""


class UserError(Exception):
    """Something the user can put right: the message says what, why, and what to do next."""

    exit_status = 2


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


LONGEST = 300


def first_line(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
