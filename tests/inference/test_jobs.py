"""Which photos are painted and where to: folders, names, and what is refused."""

import os

import pytest
from messages import refused
from PIL import Image

from colorize.data.scan import look_through
from colorize.inference.jobs import plan_for
from colorize.runs.atomic import replacing

pytestmark = pytest.mark.once


def test_folders_keep_their_order_below_out(tmp_path, noise):
    album = tmp_path / "album"
    for name in ("1.jpg", "summer/1.jpg", "summer/2.JPG", ".hidden.jpg", "notes.txt", "painted/1.jpg"):
        path = album / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(8, 9)).save(path, "JPEG")
    out = album / "painted"  # what is painted is not painted again
    jobs = plan_for([album], out).jobs
    assert [str(job.target.relative_to(out)) for job in jobs] == ["1.jpg", "summer/1.jpg", "summer/2.JPG"]
    assert plan_for([album, album / "1.jpg"], out).jobs == jobs, "named twice, painted once"


def test_photos_that_would_be_lost_are_refused(tmp_path, noise):
    for name in ("a/1.jpg", "b/1.jpg"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(noise(8, 9)).save(tmp_path / name)
    with refused("paint.same_name"):
        plan_for([tmp_path / "a" / "1.jpg", tmp_path / "b" / "1.jpg"], tmp_path / "out")
    with refused("paint.in_place", folder=tmp_path / "a"):
        plan_for([tmp_path / "a" / "1.jpg"], tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with refused("paint.no_photos"):
        plan_for([tmp_path / "empty"], tmp_path / "out")
    with refused("paint.no_photo"):
        plan_for([tmp_path / "nowhere.jpg"], tmp_path / "out")


def test_photos_may_lie_below_the_folder_that_they_are_painted_into(tmp_path, noise):
    (tmp_path / "album").mkdir()
    Image.fromarray(noise(8, 9)).save(tmp_path / "album" / "1.jpg")
    assert [job.target for job in plan_for([tmp_path / "album"], tmp_path).jobs] == [tmp_path / "1.jpg"]
    with refused("paint.in_place", folder=tmp_path / "album"):
        plan_for([tmp_path / "album"], tmp_path / "album")


def test_what_is_left_out_of_a_folder_is_counted_and_named(tmp_path, noise, monkeypatch):
    album, elsewhere = tmp_path / "album", tmp_path / "elsewhere"
    for folder in (album, elsewhere, album / "closed"):
        folder.mkdir()
        Image.fromarray(noise(8, 9)).save(folder / f"{folder.name}.png")
    for name in ("noending", "b.txt", "a.txt", "c.txt", "d.txt", ".DS_Store"):
        (album / name).write_bytes(b"x")
    (album / "linked").symlink_to(elsewhere)
    (album / "gone.jpg").symlink_to(tmp_path / "nowhere")
    scandir = os.scandir

    def closed(path):  # as to a user who may not read it; whoever runs the tests may
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    plan = plan_for([album], tmp_path / "out")
    assert {str(job.target.relative_to(tmp_path / "out")) for job in plan.jobs} == {"album.png", "linked/elsewhere.png"}
    assert plan.unreadable == {
        album / "closed": "the folder cannot be read: Permission denied",
        album / "gone.jpg": "a link that leads nowhere",
    }
    assert plan.others == ["4 .txt (b.txt, c.txt, d.txt)", "1 no ending (noending)"]


def test_training_and_painting_walk_a_folder_in_the_same_way(tmp_path, noise):
    for name in ("a.jpf", "b.rgb", "c.PNG", "deep/er/d.webp"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image_format = {".jpf": "JPEG2000", ".rgb": "SGI"}.get(path.suffix)
        Image.fromarray(noise(8, 9)).save(path, image_format)
    painted = [job.source for job in plan_for([tmp_path / "album"], tmp_path / "out").jobs]
    assert painted == [tmp_path / "album" / file.name for file in look_through(tmp_path / "album").files]


def test_a_name_that_another_photo_has_is_left_to_it(tmp_path, noise):
    Image.fromarray(noise(8, 9)).save(tmp_path / "a.gif")
    Image.fromarray(noise(8, 9)).save(tmp_path / "a.gif.png")
    jobs = plan_for([tmp_path], tmp_path / "out").jobs
    assert {job.source.name: job.target.name for job in jobs} == {"a.gif": "a.gif.1.png", "a.gif.png": "a.gif.png"}


def test_a_name_as_long_as_a_file_system_allows_can_be_painted(tmp_path, noise):
    source = tmp_path / f"{'n' * 246}.jpg"
    Image.fromarray(noise(8, 9)).save(source)
    (job,) = plan_for([source], tmp_path / "out").jobs
    with replacing(job.target) as partial:
        partial.write_bytes(b"x")
    assert job.target.read_bytes() == b"x"
