"""One photo on the page: waiting, painted, or refused with the reason."""

from nicegui import run, ui

from colorize.demo.models import ModelChoices, Settings
from colorize.demo.photo import ColorizedPhoto, colorize_file, data_url
from colorize.errors import NotUsable, UserError


class BeforeAfter(ui.element, component="before_after.js"):
    """Two pictures of one size, and a divider to drag."""

    def show(self, before: str, after: str) -> None:
        """Shows pictures, given as addresses."""
        self.props["before"], self.props["after"] = before, after


class PhotoCard:
    """What the page shows of one photo.

    Args:
        name: of the file that was dropped.
        file: its bytes.
        on_remove: called when it is taken off the page.
    """

    def __init__(self, name: str, file: bytes, on_remove):
        self.name, self.file = name, file
        self.painted: ColorizedPhoto | None = None
        self.asked: tuple[Settings, float] | None = None
        with ui.card().classes("w-full items-center") as self.root:
            with ui.row().classes("w-full items-center no-wrap"):
                ui.label(name).classes("text-lg grow break-all")
                ui.button(icon="close", on_click=lambda: on_remove(self)).props("flat round dense").tooltip("Remove")
            with ui.row().classes("items-center") as self.waiting:
                ui.spinner(size="2em")
                ui.label("Painting...")
            with ui.row().classes("w-full items-center no-wrap bg-red-50 text-red-900 rounded p-3") as self.refused:
                ui.icon("error", size="2em")
                self.reason = ui.label().classes("break-words min-w-0").mark("error")
            self.pictures = BeforeAfter()
            with ui.column().classes("w-full gap-1") as self.remarks:
                pass
            with ui.row().classes("w-full items-center justify-between") as self.foot:
                self.caption = ui.label().classes("text-sm text-gray-600 min-w-0")
                ui.button("Download", icon="download", on_click=self.download)
        self._show(waiting=True)

    def _show(self, waiting: bool = False, refused: bool = False, painted: bool = False) -> None:
        self.waiting.visible, self.refused.visible = waiting, refused
        self.pictures.visible = self.remarks.visible = self.foot.visible = painted

    async def paint(self, models: ModelChoices, settings: Settings, saturation: float) -> None:
        """Shows it as settings and saturation have it; a saturation alone does not ask the model again."""
        before, self.asked = self.asked, (settings, saturation)
        if before is None or before[0] != settings:
            self.painted = None
            self._show(waiting=True)  # no older picture stays beside what may fail
            try:
                pipeline = await run.io_bound(models.pipeline, settings)
                if pipeline is not None:  # None: the program is ending
                    self.painted = await run.io_bound(colorize_file, pipeline, self.file, self.name)
                if self.painted is not None:
                    await self._show_painted(self.painted, saturation)
            except (NotUsable, UserError) as error:
                self._refuse(str(error))
            except Exception as error:  # of Pillow, where a file lies
                self._refuse(f"{type(error).__name__}: {error}")
        elif self.painted is not None:
            await self._show_painted(self.painted, saturation)

    def _refuse(self, reason: str) -> None:
        self.reason.text = reason
        self._show(refused=True)

    async def _show_painted(self, painted: ColorizedPhoto, saturation: float) -> None:
        addresses = await run.io_bound(
            lambda: (painted.before, data_url(painted.shown(saturation))),
        )
        if addresses is None or self.root.is_deleted:
            return
        self.pictures.show(*addresses)
        self.caption.text = painted.pipeline.description
        self.remarks.clear()
        with self.remarks:
            for remark in painted.remarks:
                with ui.row().classes("w-full items-center no-wrap bg-amber-50 text-amber-900 rounded p-2"):
                    ui.icon("warning")
                    ui.label(remark).classes("min-w-0").mark("remark")
        self._show(painted=True)

    async def full_size(self) -> tuple[str, bytes] | None:
        """Name and bytes of the painted file; None while there is none."""
        painted, asked = self.painted, self.asked
        if painted is None or asked is None:
            return None
        content = await run.io_bound(painted.full_size, asked[1])
        return (painted.name, content) if content else None

    async def download(self) -> None:
        """Hands the painted file to the browser."""
        file = await self.full_size()
        if file:
            ui.download.content(file[1], file[0])
