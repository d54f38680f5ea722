"""The page: drop photos, drag between grey and painted, take the painted ones away.

Nothing that is dropped is written to a disk; it is forgotten with the page. (Gradio, which has a page like this ready,
copies every file that it is given into a folder: https://gradio.app/guides/file-access.)
"""

import io
import zipfile
from pathlib import Path

from nicegui import events, run, ui
from PIL import Image

from colorize.data.examples import EXAMPLES
from colorize.demo.card import PhotoCard
from colorize.demo.models import ModelChoices, Settings
from colorize.demo.photo import MAX_FILE_BYTES, data_url
from colorize.errors import UserError
from colorize.inference.load import MOST_SATURATION

MAX_PHOTOS = 20
"""On a page at a time: they are in memory."""

TOO_MANY = f"At most {MAX_PHOTOS} photos on a page: remove some, or use `python -m colorize paint FOLDER`."
FITS = {None: "as trained", "reflect_pad": "whole, edges mirrored", "stretch": "stretched"}
UPSAMPLINGS = {"bilinear": "smooth", "guided": "along the photo's edges"}


class Page:
    """One page of a browser: what is dropped on it belongs to it alone."""

    def __init__(self, models: ModelChoices):
        self.models, self.cards, self._at_work = models, list[PhotoCard](), False
        ui.page_title("colorize")
        ui.add_css(Path(__file__).with_name("page.css"))
        with ui.column().classes("mx-auto w-full max-w-4xl"):
            ui.label("colorize").classes("text-2xl")
            self._build_drop_area()
            self._build_examples()
            self._build_options()
            with ui.row().classes("w-full justify-end") as self.together:
                ui.button("Download all", icon="download", on_click=self.download_all).props("outline")
            self.together.visible = False
            self.photos = ui.column().classes("w-full")

    def _build_drop_area(self) -> None:
        with ui.element("div").classes("drop-area"):
            ui.icon("add_photo_alternate", size="3rem")
            ui.label("Choose or drop photos").classes("text-xl")
            ui.label(
                f"grey or in colour, up to {MAX_FILE_BYTES / 1e6:.0f} MB each; nothing is stored: a photo is forgotten"
                " with this page"
            ).classes("text-sm text-gray-600")
            upload = ui.upload(
                multiple=True, auto_upload=True, max_file_size=MAX_FILE_BYTES, on_upload=self._take_file
            ).props('tabindex=0 role=button aria-label="Choose or drop photos"')
        choose = f"() => getElement({upload.id}).$refs.qRef.pickFiles()"
        upload.on("click", js_handler=choose)
        upload.on("keydown.enter", js_handler=choose)
        upload.on("finish", upload.reset)  # else the same file is refused when it is dropped again
        too_large = "entries.filter(entry => entry.failedPropValidation === 'max-file-size')"
        names = f"(entries) => emit({too_large}.map(entry => entry.file.name))"
        upload.on("rejected", lambda event: self._refuse_files(event.args), js_handler=names)

    def _build_examples(self) -> None:
        with ui.row().classes("w-full items-center"):
            ui.label("or try one:")
            for name, read in EXAMPLES.items():
                picture = Image.fromarray(read())
                picture.thumbnail((160, 96))
                with ui.element("button").classes("rounded overflow-hidden cursor-pointer") as button:
                    button.props(f'aria-label="{name}" title="{name}"').mark(f"example-{name}")
                    ui.element("img").props["src"] = data_url(picture)
                button.on("click", lambda name=name: self.take_example(name))

    def _build_options(self) -> None:
        choices = self.models.choices
        self.model = ui.select(choices, value=next(iter(choices)), label="Model").classes("w-full").mark("model")
        with ui.expansion("Options", icon="tune").classes("w-full"):
            with ui.row().classes("w-full items-center no-wrap"):
                ui.label("Saturation").classes("w-28")
                self.saturation = ui.slider(min=0, max=MOST_SATURATION, step=0.05, value=1).props("label")
                self.saturation.mark("saturation")
            with ui.row().classes("w-full items-center no-wrap") as self.temperature_row:
                ui.label("Temperature").classes("w-28").tooltip("lower: stronger, less even colours")
                self.temperature = ui.slider(min=0.1, max=1, step=0.05, value=1).props("label")
            with ui.row().classes("w-full"):
                self.fit = ui.select(FITS, value=None, label="Fit to the model's size").classes("grow")
                self.upsampling = ui.select(UPSAMPLINGS, value="bilinear", label="Spread of colours").classes("grow")
        self.own_temperature: tuple[str, float | None] = "", None
        self.model.on_value_change(self._choose_model)
        for setting in (self.saturation, self.temperature, self.fit, self.upsampling):
            setting.on_value_change(self.paint_all)
        ui.timer(0, self._choose_model, once=True)

    async def _choose_model(self) -> None:
        """Puts the slider where the model's own temperature is; of a model without, there is none."""
        name = self.model.value
        try:
            own = await run.io_bound(self.models.temperature, name)
        except UserError:  # each photo says so
            own = None
        if name == self.model.value:
            self.own_temperature = name, own
            self.temperature_row.visible = own is not None
            self.temperature.value = own or 1
        await self.paint_all()

    def settings(self) -> Settings:
        """As the page stands."""
        name, own = self.own_temperature
        is_own = name != self.model.value or own in (None, self.temperature.value)
        temperature = None if is_own else self.temperature.value
        return Settings(self.model.value, self.fit.value, self.upsampling.value, temperature)

    async def _take_file(self, event: events.UploadEventArguments) -> None:
        await self.take(Path(event.file.name).name, await event.file.read())

    async def take_example(self, name: str) -> None:
        """Takes one of scikit-image's photos."""
        content = io.BytesIO()
        Image.fromarray(EXAMPLES[name]()).save(content, "PNG")
        await self.take(f"{name}.png", content.getvalue())

    async def take(self, name: str, file: bytes) -> None:
        """Puts a photo on the page, above the others."""
        if len(self.cards) == MAX_PHOTOS:
            ui.notify(f"{name}: {TOO_MANY}", type="negative")
            return
        with self.photos:
            card = PhotoCard(name, file, self.remove)
        card.root.move(target_index=0)
        self.cards.insert(0, card)
        ui.run_javascript(f"getHtmlElement({card.root.id}).scrollIntoView({{behavior: 'smooth'}})")
        await self.paint_all()

    def _refuse_files(self, names: list[str]) -> None:
        for name in names:
            ui.notify(f"{name} is refused: at most {MAX_FILE_BYTES / 1e6:.0f} MB", type="negative", timeout=10_000)

    def remove(self, card: PhotoCard) -> None:
        """Takes a photo off the page."""
        self.cards.remove(card)
        card.root.delete()
        self.together.visible = len(self.cards) > 1

    async def paint_all(self) -> None:
        """Paints, one after the other, what is not painted as the page stands; what changes meanwhile is seen."""
        self.together.visible = len(self.cards) > 1
        if self._at_work:
            return
        self._at_work = True
        try:
            while card := self._next():
                await card.paint(self.models, self.settings(), self.saturation.value)
        finally:
            self._at_work = False

    def _next(self) -> PhotoCard | None:
        if self.photos.is_deleted:  # the page was closed
            return None
        wanted = self.settings(), self.saturation.value
        return next((card for card in reversed(self.cards) if card.asked != wanted), None)

    async def download_all(self) -> None:
        """Hands all painted files to the browser, in one ZIP."""
        cards = self.cards[::-1]  # as they are now
        files = [file for card in cards if (file := await card.full_size())]
        if len(files) < len(cards):
            ui.notify(f"{len(cards) - len(files)} of {len(cards)} photos are not painted, and not among them")
        content = await run.io_bound(zipped, files) if files else None
        if content:
            ui.download.content(content, "colorized.zip")


def zipped(files: list[tuple[str, bytes]]) -> bytes:
    """A ZIP of files, given as name and bytes; of several with one name, all but the first are numbered."""
    content, taken = io.BytesIO(), set[str]()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:  # photos are compressed already
        for name, data in files:
            own, number = name, 2
            while own in taken:
                own, number = f"{Path(name).stem} ({number}){Path(name).suffix}", number + 1
            taken.add(own)
            archive.writestr(own, data)
    return content.getvalue()
