"""The one exception for mistakes that a user can mend; it is shown without a stack trace."""


class UserError(Exception):
    """Something the user can put right: the message says what, why, and what to do next."""

    exit_status = 2
