"""A page of a shop on a server of its own, so of another origin than the platform's; tests write its HTML."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ShopPage:
    """What the server answers every GET with, and its origin."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.html = ""
        self.policy = ""


class _Handler(BaseHTTPRequestHandler):
    page: ShopPage

    def do_GET(self) -> None:
        """The page, whatever is asked for."""
        body = self.page.html.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.page.policy:
            self.send_header("Content-Security-Policy", self.page.policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing to say in a test."""


@contextmanager
def serving() -> Iterator[ShopPage]:
    """The page while a test runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
    page = ShopPage(server.server_address[1])
    server.RequestHandlerClass.page = page  # type: ignore[attr-defined]  # a class of this test alone
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield page
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
