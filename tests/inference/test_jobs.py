"""Which photos are painted and where to: folders, names, and what is refused."""

import pytest
from messages import refused
from PIL import Image

from colorize.inference.jobs import jobs_for

pytestmark = pytest.mark.once


def test_folders_keep_their_order_below_out(tmp_path, noise):
    album = tmp_path / "album"
    for name in ("1.jpg", "summer/1.jpg", "summer/2.JPG", ".hidden.jpg", "notes.txt", "painted/1.jpg"):
        path = album / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(8, 9)).save(path, "JPEG")
    out = album / "painted"  # what is painted is not painted again
    jobs = jobs_for([album], out)
    assert [str(job.target.relative_to(out)) for job in jobs] == ["1.jpg", "summer/1.jpg", "summer/2.JPG"]
    assert jobs_for([album, album / "1.jpg"], out) == jobs, "named twice, painted once"


def test_photos_that_would_be_lost_are_refused(tmp_path, noise):
    for name in ("a/1.jpg", "b/1.jpg"):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(noise(8, 9)).save(tmp_path / name)
    with refused("paint.same_name"):
        jobs_for([tmp_path / "a" / "1.jpg", tmp_path / "b" / "1.jpg"], tmp_path / "out")
    with refused("paint.in_place", folder=tmp_path / "a"):
        jobs_for([tmp_path / "a" / "1.jpg"], tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with refused("paint.no_photos"):
        jobs_for([tmp_path / "empty"], tmp_path / "out")
    with refused("paint.no_photo"):
        jobs_for([tmp_path / "nowhere.jpg"], tmp_path / "out")


def test_photos_may_lie_below_the_folder_that_they_are_painted_into(tmp_path, noise):
    (tmp_path / "album").mkdir()
    Image.fromarray(noise(8, 9)).save(tmp_path / "album" / "1.jpg")
    assert [job.target for job in jobs_for([tmp_path / "album"], tmp_path)] == [tmp_path / "1.jpg"]
    with refused("paint.in_place", folder=tmp_path / "album"):
        jobs_for([tmp_path / "album"], tmp_path / "album")
