"""Serves the page, to this machine alone."""

import socket
import warnings

from nicegui import app, ui
from starlette.formparsers import MultiPartParser
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse

from colorize.demo.models import ModelChoices
from colorize.demo.page import Page
from colorize.demo.photo import MAX_FILE_BYTES
from colorize.errors import UserError

HOST = "127.0.0.1"


def serve(models: ModelChoices, port: int, opens_browser: bool) -> None:
    """Serves the page until it is interrupted.

    Raises:
        UserError: the port is taken.
    """
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
        Page(models)

    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise UserError(f"--port: something listens to {port} already; choose another")
    ui.run(host=HOST, port=port, title="colorize", reload=False, show=opens_browser)
