"""A server that answers, and never as MLflow would."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class UselessServer:
    """Answers everything with one status after the other, each after some seconds.

    Attributes:
        uri: its address.
        asked: the paths that it was asked for.
        over: set, it answers at once.
    """

    def __init__(self, *statuses: int, seconds: float = 0.0):
        asked, over = [], threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                over.wait(seconds)
                self.send_response(statuses[len(asked) % len(statuses)])
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_PUT = do_PATCH = do_GET

            def log_message(self, *args):
                """Quiet."""

        self.asked, self.over = asked, over
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Answers what is still open, and no more."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
