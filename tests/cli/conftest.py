"""Runs that can be compared."""

from runs_to_compare import four, run_of  # noqa: F401
