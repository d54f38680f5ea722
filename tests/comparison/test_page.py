"""The page of a comparison stands alone, and nothing in a name is taken for markup."""

import base64
import re

import pytest
from runs_to_compare import compared

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


def test_names_in_the_page_are_escaped(four, tmp_path):
    folder = four[0].folder.rename(four[0].folder.with_name("<script>alert(1)<"))
    compared(tmp_path / "out", folder, four[2].folder)
    assert "<script>" not in (tmp_path / "out" / "comparison.html").read_text()
