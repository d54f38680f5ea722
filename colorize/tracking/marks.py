"""Which records of a journal an MLflow has got."""

import json
import os
from contextlib import suppress
from pathlib import Path

from colorize.files import partial_of

MARKS = "delivered.json"
"""Says of each MLflow, by its address, how many records it has got and in which run. It may lag behind the truth, which
does no harm, and never runs ahead of it."""


class Marks:
    """What is known of the deliveries of a journal to one MLflow.

    Attributes:
        records: how many were delivered, or refused.
        refused: the numbers of those that were refused, for another try.
        run_id: of the run there.
    """

    def __init__(self, folder: Path, uri: str):
        self.path, self.uri = folder / MARKS, uri
        try:
            self._all = json.loads(self.path.read_text())
            mark = self._all.get(uri, {})
            self.records, self.run_id = int(mark.get("records", 0)), mark.get("run_id")
            self.refused = [int(number) for number in mark.get("refused", [])]
        except (OSError, ValueError, AttributeError, TypeError):  # none yet, or damaged: all is delivered once more
            self._all = {}
            self.reset()

    def reset(self) -> None:
        """Nothing was delivered."""
        self.records, self.run_id, self.refused = 0, None, []

    def note(self, number: int, run_id: str | None, is_refused: bool) -> None:
        """What became of a record."""
        self.refused = [other for other in self.refused if other != number] + [number] * is_refused
        self.records, self.run_id = max(self.records, number), run_id

    def save(self) -> None:
        """Writes them, whole; without a sync, since it does no harm if they are lost."""
        self._all[self.uri] = {"records": self.records, "refused": self.refused, "run_id": self.run_id}
        partial = partial_of(self.path)
        with suppress(OSError):
            partial.write_text(json.dumps(self._all) + "\n")
            os.replace(partial, self.path)
