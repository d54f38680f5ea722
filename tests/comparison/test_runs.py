"""Runs are read with the evaluation that they have in common; a damaged one is told."""

import pytest
from messages import ended

from colorize.__main__ import main

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("key", "damage"),
    [
        ("compare.photos_damaged", "photos.csv"),
        ("compare.photos_missing", "photos.csv short"),
        ("compare.evaluation_damaged", "evaluation.json"),
        ("compare.history_short", "history.csv short"),
        ("compare.result_damaged", "result.json"),
    ],
)
def test_a_damaged_run_is_said(key, damage, run_of, capsys):
    one, other = run_of("one"), run_of("two", "fusion=none")
    name, _, how = damage.partition(" ")
    (file,) = other.folder.rglob(name)
    shorter = "epoch\n1\n" if name == "history.csv" else "\n".join(file.read_text().splitlines()[:9])
    file.write_text(shorter if how else "{")
    with ended(key, capsys):
        main(["compare", str(one.folder), str(other.folder)])
