"""`colorize prepare`, and a training on what it made: that on the folder itself."""

import pytest
from messages import assert_wording
from processes import train
from trained import PLAN, assert_same

from colorize.__main__ import main

pytestmark = [pytest.mark.once, pytest.mark.slow]


def test_training_on_what_was_prepared_is_training_on_the_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["prepare", "data=sample", "data.height=16", "data.width=32", "data.cache_scale=2", "--out", "set"])
    told = capsys.readouterr().out
    size = ["data.height=16", "data.width=32"]
    assert f"train  python train.py data=prepared data.root=set {' '.join(size)}" in told
    assert "235 train, 57 val: 32 x 64 pixels, 1 shards" in told
    same = ["data.augmentation.mixup_probability=0.3", "data.batch_size=8", "data.augmentation.min_crop_scale=0.5"]
    train(tmp_path / "folder", *PLAN, *same)
    train(tmp_path / "prepared", *PLAN, *same, "data=prepared", f"data.root={tmp_path / 'set'}")
    assert_same(tmp_path / "folder", tmp_path / "prepared")


@pytest.mark.parametrize(
    "key, arguments",
    [
        ("prepare.cifar10", ["data=cifar10"]),
        ("prepare.no_root", []),
        ("prepare.engine", ["data.root=.", "data.engine=x"]),
    ],
)
def test_what_cannot_be_prepared_is_refused(key, arguments, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["prepare", *arguments, "--out", "nowhere"])
    assert ended.value.code == 2
    assert_wording(key, capsys.readouterr().err)
    assert not (tmp_path / "nowhere").exists()


def test_a_set_is_made_on_this_machine(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["prepare", "data.root=s3://bucket/photos", "--out", "s3://bucket/set"])
    assert ended.value.code == 2 and not list(tmp_path.iterdir())
    assert_wording("prepare.out", capsys.readouterr().err)
