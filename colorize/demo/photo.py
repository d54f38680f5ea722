"""A photo on the page: what a model says of it, and the pictures and files that follow."""

import base64
import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from colorize.data.decode import MAX_PIXELS
from colorize.errors import NotUsable
from colorize.image_grid import in_grey
from colorize.inference.jobs import painted_name
from colorize.inference.photo_files import photo_of
from colorize.inference.pipeline import ColorizationPipeline, Colours
from colorize.inference.remarks import HARDLY_A_COLOUR, NEARLY_GREY, lost
from colorize.inference.write_photo import encode

MAX_FILE_BYTES = 32_000_000
"""Of a file that is dropped."""

SHOWN = 1200
"""Pixels of the longer side of what the page shows; what is downloaded has its full size."""


@dataclass
class ColorizedPhoto:
    """What a page holds of a photo, so that its colours can be made stronger without asking the model again.

    Attributes:
        name: of the file to download.
        file: the bytes that were dropped.
        small: RGB, as large as it is shown; its colours are not looked at.
        colours: what the model says.
        remarks: sentences about what it lost, and about colours that are hardly any.
        pipeline: the model.
    """

    name: str
    file: bytes
    small: Image.Image
    colours: Colours
    remarks: list[str]
    pipeline: ColorizationPipeline

    def grey(self) -> Image.Image:
        """What the page shows as "before"."""
        return Image.fromarray(in_grey(np.asarray(self.small)))

    @cached_property
    def before(self) -> str:
        """Its address: the same however strong the colours are."""
        return data_url(self.grey())

    def shown(self, saturation: float) -> Image.Image:
        """What the page shows as "after"."""
        picture = self.small.copy()
        self.pipeline.compose([picture], [self.colours], saturation)
        return picture

    def full_size(self, saturation: float) -> bytes:
        """What is downloaded."""
        photo, content = photo_of(self.file, MAX_PIXELS), io.BytesIO()
        self.pipeline.compose([photo.canvas], [self.colours], saturation)
        encode(photo, content)
        return content.getvalue()


def colorize_file(pipeline: ColorizationPipeline, data: bytes, name: str) -> ColorizedPhoto:
    """Paints the bytes of a file.

    Raises:
        NotUsable: it is no photo, or too large.
    """
    if len(data) > MAX_FILE_BYTES:
        raise NotUsable(f"{len(data) / 1e6:.0f} MB; at most {MAX_FILE_BYTES / 1e6:.0f}")
    photo = photo_of(data, MAX_PIXELS)
    (colours,) = pipeline.predict([photo.image])
    remarks = [f"It had {had}." for had in lost(photo.converted)]
    if colours.chroma < HARDLY_A_COLOUR:
        remarks.insert(0, f"It {NEARLY_GREY}.")
    return ColorizedPhoto(painted_name(name, photo.format), data, _small(photo.image), colours, remarks, pipeline)


def _small(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((SHOWN, SHOWN))
    return small


def data_url(image: Image.Image) -> str:
    """A picture as an address that holds it: it is served from no file."""
    content = io.BytesIO()
    image.save(content, "JPEG", quality=92)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
