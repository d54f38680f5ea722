"""The page of a comparison stands alone, and nothing in a name is taken for markup."""

import base64
import csv
import re
from datetime import date
from pathlib import Path

import pytest
from runs_to_compare import compared

from colorize.comparison.report import without_empty_columns

pytestmark = pytest.mark.once


def test_the_page_needs_nothing_else(four, tmp_path):
    compared(tmp_path / "out", *[run.folder for run in four])
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page) and "<script" not in page and "@import" not in page
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 4  # grey, two groups, truth
    assert base64.b64decode(pictures[0]).startswith(b"\x89PNG")
    drawn = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(drawn) == 2  # the differences, the curves
    assert all(base64.b64decode(svg).count(b"<path") > 4 for svg in drawn)
    assert (tmp_path / "out" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_come_first_with_file_names_and_metrics_are_explained(four, tmp_path):
    compared(tmp_path / "out", *[run.folder for run in four])
    page = (tmp_path / "out" / "comparison.html").read_text()
    first = min(page.index(f"<h2>{title}</h2>") for title in ("What differs", "Metrics", "Cost"))
    assert page.index('<section class="photo"><h3>') < page.index("<h2>Difference in ab RMSE</h2>") < first
    with open(four[0].place / "photos.csv", newline="") as file:
        names = {Path(row["photo"]).name for row in csv.DictReader(file)}
    assert set(re.findall('<section class="photo"><h3>(.*?)</h3>', page)) <= names
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert captions[0] == "grey" and captions[-1] == "truth"
    (title,) = re.findall("<title>(.*?)</title>", page)
    assert title == f"{' · '.join(captions[1:-1])}, {date.today()}"
    assert re.search(r'<td><abbr title="Root mean squared error of a and b[^"]*">ab RMSE ↓</abbr></td>', page)
    assert "<abbr" in page and ">SSIM ↑</abbr>" in page and ">colorfulness</abbr>" in page


def test_columns_that_say_nothing_are_left_out():
    header, rows = without_empty_columns(["", "a", "b", "c"], [["x", "", "1", "-"], ["y", "", "", "-"]])
    assert (header, rows) == (["", "b"], [["x", "1"], ["y", ""]])


def test_names_in_the_page_are_escaped(four, tmp_path):
    folder = four[0].folder.rename(four[0].folder.with_name("<script>alert(1)<"))
    compared(tmp_path / "out", folder, four[2].folder)
    assert "<script>" not in (tmp_path / "out" / "comparison.html").read_text()
