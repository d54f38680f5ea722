"""What is noted of a run besides its results: its values under flat names, and the state of the code."""

import subprocess

from colorize.config import PROJECT


def flat(values: dict, prefix: str = "") -> dict:
    """Nested dicts as one, with dotted keys."""
    result = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return result


def git_state() -> dict[str, str]:
    """Tags with the project's commit and whether files differ from it; empty where git or the history is missing."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"git.commit": commit, "git.dirty": str(bool(_git("status", "--porcelain"))).lower()}
    except (OSError, subprocess.CalledProcessError):
        return {}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(PROJECT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
