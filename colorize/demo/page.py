"""The page: drop a photo, see it grey and painted, take the painted one away.

Nothing that is dropped is written to a disk; it is forgotten with the page.
"""

import asyncio
import io
import socket
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nicegui import app, events, run, ui
from PIL import Image
from starlette.formparsers import MultiPartParser
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse

from colorize.data.decode import MAX_PIXELS
from colorize.data.examples import EXAMPLES
from colorize.demo.models import ModelChoices
from colorize.errors import NotUsable, UserError
from colorize.image_grid import in_grey
from colorize.inference.jobs import painted_name
from colorize.inference.load import MOST_SATURATION
from colorize.inference.photo_files import photo_of
from colorize.inference.pipeline import ColorizationPipeline, Colours
from colorize.inference.write_photo import encode

MAX_FILE_BYTES = 32_000_000
"""Of a file that is dropped."""

SHOWN = 1200
"""Pixels of the longer side of what the page shows; what is downloaded has its full size."""

HOST = "127.0.0.1"


@dataclass
class ColorizedPhoto:
    """What a page holds of a photo, so that its colours can be made stronger without asking the model again.

    Attributes:
        name: of the file to download.
        file: the bytes that were dropped.
        small: RGB, as large as it is shown; its colours are not looked at.
        grey: the same in grey.
        colours: what the model says.
        pipeline: the model.
    """

    name: str
    file: bytes
    small: Image.Image
    grey: Image.Image
    colours: Colours
    pipeline: ColorizationPipeline

    def shown(self, saturation: float) -> Image.Image:
        """What the page shows."""
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
    small = _small(photo.image)
    (colours,) = pipeline.predict([photo.image])
    grey = Image.fromarray(in_grey(np.asarray(small)))
    return ColorizedPhoto(painted_name(name, photo.format), data, small, grey, colours, pipeline)


def _small(image: Image.Image) -> Image.Image:
    small = image.copy()
    small.thumbnail((SHOWN, SHOWN))
    return small


def build_page(models: ModelChoices) -> None:
    """One page of a browser: what is dropped on it belongs to it alone."""
    held: dict[str, Any] = {}
    laying = asyncio.Lock()
    ui.page_title("colorize")
    with ui.column().classes("mx-auto w-full max-w-4xl"):
        ui.label("colorize").classes("text-2xl")
        choice = ui.select(models.choices, value=next(iter(models.choices)), label="Model").classes("w-full")
        upload = ui.upload(
            label="Drop a photo, grey or in colour", auto_upload=True, max_files=1, max_file_size=MAX_FILE_BYTES
        ).classes("w-full")
        with ui.row().classes("w-full items-center") as examples:
            ui.label("or one of scikit-image's:")
        state = ui.label("Nothing is stored: a photo is forgotten with this page.")
        with ui.element("div").classes("relative w-full") as pair:
            painted = ui.image().classes("w-full").mark("painted")
            grey = ui.image().classes("w-full").style("position: absolute; inset: 0")
        slider = ui.slider(min=0, max=100, value=50).classes("w-full")
        with ui.row().classes("w-full items-center no-wrap") as dial:
            ui.label("Saturation")
            saturation = ui.slider(min=0, max=MOST_SATURATION, step=0.05, value=1).props("label").mark("saturation")
        button = ui.button("Download")
    hidden = (pair, slider, dial, button)
    for element in hidden:
        element.visible = False

    def divide() -> None:
        grey.style(f"clip-path: inset(0 {100 - slider.value}% 0 0)")

    async def lay() -> None:
        """Shows the colours as strong as the slider stands; of several moves meanwhile, the last."""
        async with laying:
            result, wanted = held.get("painted"), saturation.value
            if result is None or held.get("shown") == wanted:
                return
            picture = await run.io_bound(result.shown, wanted)
            if picture is not None and held.get("painted") is result:  # None: the program is ending
                painted.set_source(picture)
                held["shown"] = wanted

    async def download() -> None:
        result = held.get("painted")
        if result is None:
            return
        content = await run.io_bound(result.full_size, saturation.value)
        if content is not None:
            ui.download.content(content, result.name)

    async def show() -> None:
        if "data" not in held:
            return
        asked = held["data"], held["name"], choice.value
        for element in hidden:
            element.visible = False  # what they show is not of this photo
        held.pop("painted", None), held.pop("shown", None)
        state.text, message = "Painting...", ""
        result: ColorizedPhoto | None = None
        try:
            pipeline = await run.io_bound(models.pipeline, choice.value)
            if pipeline is not None:
                result = await run.io_bound(colorize_file, pipeline, *asked[:2])
        except (NotUsable, UserError) as error:
            message = str(error)
        except Exception as error:  # of Pillow, where a file lies
            message = f"{type(error).__name__}: {error}"
        if asked != (held["data"], held["name"], choice.value):
            return  # another photo or model was chosen meanwhile, whose turn comes
        if result is None:
            state.text = f"{asked[1]}: {message}"
            return
        held["painted"] = result
        await lay()
        is_current = held.get("painted") is result
        if not is_current:  # another came while its colours were laid
            return
        grey.set_source(result.grey)
        divide()
        state.text = f"{asked[1]}: left grey, right painted by {models.choices[asked[2]]}"
        for element in hidden:
            element.visible = True

    async def take(event: events.UploadEventArguments) -> None:
        held.clear()
        held["data"], held["name"] = await event.file.read(), Path(event.file.name).name
        upload.reset()
        await show()

    async def take_example(name: str) -> None:
        content = io.BytesIO()
        Image.fromarray(EXAMPLES[name]()).save(content, "PNG")
        held.clear()
        held["data"], held["name"] = content.getvalue(), f"{name}.png"
        await show()

    with examples:
        for name in EXAMPLES:
            ui.button(name, on_click=lambda name=name: take_example(name)).props("flat dense").mark(f"example-{name}")
    upload.on_upload(take)
    upload.on_rejected(lambda: state.set_text(f"Refused: one photo of at most {MAX_FILE_BYTES / 1e6:.0f} MB"))
    choice.on_value_change(show)
    slider.on_value_change(divide)
    saturation.on_value_change(lay)
    button.on_click(download)


def serve(models: ModelChoices, port: int, opens_browser: bool) -> None:
    """Serves the page until it is interrupted; to this machine alone."""
    # Starlette would put what is larger into a file.
    MultiPartParser.spool_max_size = 2 * MAX_FILE_BYTES
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])

    warnings.filterwarnings("ignore", module="PIL")  # of odd metadata; here, since threads share such filters

    @app.middleware("http")
    async def limited(request, call_next):
        length = request.headers.get("content-length", "")
        if request.method == "POST" and not length.isdigit():
            return PlainTextResponse("how long?", status_code=411)
        if int(length or 0) > MAX_FILE_BYTES + 100_000:
            return PlainTextResponse(f"at most {MAX_FILE_BYTES} bytes", status_code=413)
        return await call_next(request)

    @ui.page("/")
    def page() -> None:
        build_page(models)

    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise UserError(f"--port: something listens to {port} already; choose another")
    ui.run(host=HOST, port=port, title="colorize", reload=False, show=opens_browser)
