"""What became of each file of a folder: the manifest that is kept with the run, and its summary in words."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

USED, CONVERTED, GREY, DUPLICATE, REJECTED = "used", "converted", "grey", "duplicate", "rejected"
"""Taken as it is; taken, and how it was changed; left out of training; the same photo in another file; no photo."""

NOT_READ = (".heic", ".heif", ".avif", ".jxl", ".gif", ".svg", ".pdf", ".psd", ".raw", ".dng", ".cr2", ".nef", ".arw")
"""Endings of pictures that are not read: somebody may wonder where they are."""

SHOWN = 5
"""Rejected files that the summary names."""


@dataclass(slots=True)
class Verdict:
    """What became of one file.

    Attributes:
        name: path below the root.
        verdict: one of the words above.
        detail: how it was converted, why it was rejected, which other file it is a copy of.
        split: train, val or test; empty where it is in none.
        format, width, height: of the file; empty and 0 where it was not opened.
    """

    name: str
    verdict: str
    detail: str = ""
    split: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    sha256: str = ""


@dataclass
class Manifest:
    """A verdict per file, sorted by name, and how many files of other kinds were passed over, by ending."""

    verdicts: list[Verdict] = field(default_factory=list)
    ignored: Counter = field(default_factory=Counter)

    @property
    def rejected(self) -> list[Verdict]:
        """Those that are no photos."""
        return [verdict for verdict in self.verdicts if verdict.verdict == REJECTED]

    def save(self, path: Path) -> None:
        """Writes the verdicts as CSV, a line per file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
            writer = csv.writer(file)
            writer.writerow(Verdict.__slots__)
            writer.writerows([getattr(verdict, name) for name in Verdict.__slots__] for verdict in self.verdicts)

    def summary(self) -> list[str]:
        """Lines for people: how many files of which verdict, what was converted, what was rejected and why."""
        counts = Counter(verdict.verdict for verdict in self.verdicts)
        pictures = {ending: number for ending, number in self.ignored.items() if ending in NOT_READ}
        if counts[USED] == len(self.verdicts) and not pictures:
            return []
        told = [f"{counts[USED] + counts[CONVERTED]:,} of {len(self.verdicts):,} files used"]
        told += [f"{counts[CONVERTED]:,} of them converted"] if counts[CONVERTED] else []
        told += [f"{counts[GREY]:,} exactly grey, left out of training"] if counts[GREY] else []
        told += self._duplicates(counts[DUPLICATE])
        told += [f"{counts[REJECTED]:,} rejected"] if counts[REJECTED] else []
        lines = [", ".join(told)]
        if pictures:
            lines.append(f"not read: {', '.join(f'{number:,} {ending}' for ending, number in pictures.items())}")
        shown = [f"  {printable(verdict.name)}: {verdict.detail}" for verdict in self.rejected[:SHOWN]]
        more = [f"  and {counts[REJECTED] - SHOWN:,} more"] if counts[REJECTED] > SHOWN else []
        return lines + shown + more

    def _duplicates(self, number: int) -> list[str]:
        across = sum(v.verdict == DUPLICATE and v.detail.startswith(ACROSS) for v in self.verdicts)
        words = [f"{number - across:,} copies of others"] if number - across else []
        return words + ([f"{across:,} in two parts of the split, kept in one"] if across else [])


ACROSS = "in two parts of the split"
"""How the detail of a photo begins that was found in more than one part."""


def printable(name: str) -> str:
    """A file name as it can be shown: one that is no UTF-8, or holds control characters, with escapes."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
