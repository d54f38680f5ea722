"""What became of each file of a folder: the manifest that is kept with the run, and its summary in words."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from colorize.errors import printable

USED, CONVERTED, GREY, DUPLICATE, REJECTED = "used", "converted", "grey", "duplicate", "rejected"
"""Taken as it is; taken, and how it was changed; left out of training; the same photo in another file; no photo."""

LEFT_OUT, OUTSIDE = "left out", "outside"
"""By data.fraction; of the folders of the split."""

NOT_READ = (".svg", ".pdf", ".psd", ".raw", ".dng", ".cr2", ".nef", ".arw")
"""Endings of pictures that are not read: somebody may wonder where they are."""

SHOWN = 5
"""Rejected files that the summary names."""


@dataclass(slots=True)
class FileRecord:
    """What became of one file.

    Attributes:
        name: path below the root.
        status: one of the words above.
        detail: how it was converted, why it was rejected, which other file it is a copy of.
        split: train, val or test; empty where it is in none.
        format, width, height: of the file; empty and 0 where it was not opened.
    """

    name: str
    status: str
    detail: str = ""
    split: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    sha256: str = ""


@dataclass
class Manifest:
    """A record of each file, sorted by name, and how many files of other kinds were passed over, by ending.

    Attributes:
        remarks: what else is to be said of the folder.
    """

    records: list[FileRecord] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)

    @property
    def rejected(self) -> list[FileRecord]:
        """Those that are no photos."""
        return [record for record in self.records if record.status == REJECTED]

    def save(self, path: Path) -> None:
        """Writes the records as CSV, a line per file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file)
            writer.writerow(FileRecord.__slots__)
            writer.writerows([getattr(record, name) for name in FileRecord.__slots__] for record in self.records)

    def summary(self) -> list[str]:
        """Lines for people: how many files of which status, what was converted, what was rejected and why."""
        counts = Counter(record.status for record in self.records)
        pictures = {ending: number for ending, number in self.ignored.items() if ending in NOT_READ}
        if counts[USED] == len(self.records) and not pictures:
            return self.remarks
        parts = [f"{counts[USED] + counts[CONVERTED]:,} of {len(self.records):,} files used"]
        parts += [f"{counts[CONVERTED]:,} of them converted"] if counts[CONVERTED] else []
        kinds = Counter(record.detail for record in self.records if record.status == GREY)
        parts += [f"{number:,} {kind}, left out of training" for kind, number in sorted(kinds.items())]
        parts += [f"{counts[LEFT_OUT]:,} left out by data.fraction"] if counts[LEFT_OUT] else []
        parts += [f"{counts[OUTSIDE]:,} outside of the folders of the split, left out"] if counts[OUTSIDE] else []
        parts += self._duplicates(counts[DUPLICATE])
        parts += [f"{counts[REJECTED]:,} rejected"] if counts[REJECTED] else []
        lines = [", ".join(parts)]
        if pictures:
            lines.append(f"not read: {', '.join(f'{number:,} {ending}' for ending, number in pictures.items())}")
        shown = [f"  {printable(record.name)}: {record.detail}" for record in self.rejected[:SHOWN]]
        more = [f"  and {counts[REJECTED] - SHOWN:,} more"] if counts[REJECTED] > SHOWN else []
        return lines + self.remarks + shown + more

    def _duplicates(self, number: int) -> list[str]:
        across = sum(r.status == DUPLICATE and r.detail.startswith(ACROSS) for r in self.records)
        words = [f"{number - across:,} copies of others"] if number - across else []
        return words + ([f"{across:,} in two parts of the split, kept in one"] if across else [])


ACROSS = "in two parts of the split"
"""How the detail of a photo begins that was found in more than one part."""
