"""A small HTTP server that plays what the script says, one scene a request, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from models_ml.brief import Brief, Offer, Product

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll", "larch")


def brief(**changes: Any) -> Brief:
    """A push message with a discount."""
    values: dict[str, Any] = {
        "language": "en",
        "channel": "push",
        "product": Product("Canvas Tote", "bags"),
        "offer": Offer("percent", "20%"),
    }
    return Brief(**(values | changes))


def copy_for(number: int) -> str:
    """An answer that follows `brief()`, unlike those of other numbers."""
    word, other = WORDS[number % 12], WORDS[(5 * number + 3) % 12]
    return (
        f"theme: The {word} way\nheadline: {{product}} and {word} days\n"
        f"body: {word.title()} mornings, {other} evenings. Take {{discount}} off.\ncta: See {other} picks"
    )


@dataclass
class Asked:
    """One request as it arrived."""

    headers: dict[str, str]
    body: dict[str, Any]
    path: str


Scene = Callable[["Handler", Asked], None]


@dataclass
class Stage:
    """The server's address, its script (the last scene repeats) and what it was asked."""

    url: str = ""
    scenes: list[Scene] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def next_scene(self, asked: Asked) -> Scene:
        """What to play now."""
        with self.lock:
            self.asked.append(asked)
            return self.scenes.pop(0) if len(self.scenes) > 1 else self.scenes[0]

    def keys(self) -> list[str]:
        """The idempotency keys in the order of arrival."""
        return [one.headers["Idempotency-Key"] for one in self.asked]


class Handler(BaseHTTPRequestHandler):
    """Hands each POST to the stage."""

    protocol_version = "HTTP/1.1"
    stage: Stage

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(dict(self.headers.items()), body, self.path)
        try:
            self.stage.next_scene(asked)(self, asked)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep quiet."""

    def begin(self, *, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        """Status line and headers of a chunked answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def chunk(self, text: str) -> None:
        """One chunk, sent at once."""
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def event(self, data: dict[str, Any] | str) -> None:
        """One server-sent event."""
        self.chunk(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n")

    def end(self) -> None:
        """The last chunk."""
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def drop(self) -> None:
        """Cut the connection."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


def piece(text: str, finish: str | None = None) -> dict[str, Any]:
    """An event with a piece of text."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


def pieces(text: str) -> list[str]:
    """A text in words with their spaces."""
    return [word for word in text.replace(" ", " \0").split("\0") if word]


def good(text: str | None = None, *, prompt: int = 100, completion: int = 40, delay: float = 0.0) -> Scene:
    """A streamed answer as OpenAI sends it: pieces, a finish reason, usage, [DONE]."""

    def play(handler: Handler, asked: Asked) -> None:
        time.sleep(delay)
        handler.begin()
        for part in pieces(text if text is not None else copy_for(number_of(handler.stage, asked))):
            handler.event(piece(part))
        handler.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        handler.event({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})
        handler.event("[DONE]")
        handler.end()

    return play


def number_of(stage: Stage, asked: Asked) -> int:
    """A number for the draw behind a request: the same for all its attempts."""
    with stage.lock:
        known = list(dict.fromkeys(one.body.get("seed", one.headers["Idempotency-Key"]) for one in stage.asked))
    return known.index(asked.body.get("seed", asked.headers["Idempotency-Key"]))


def refuse(status: int, said: str = "no", **headers: str) -> Scene:
    """A refusal with a body."""

    def play(handler: Handler, _asked: Asked) -> None:
        data = said.encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return play


def lines(*sent: str, kind: str = "text/event-stream", dropped: bool = False, pause: float = 0.0) -> Scene:
    """Raw lines, and then the end, or the connection cut."""

    def play(handler: Handler, _asked: Asked) -> None:
        handler.begin(kind=kind)
        for line in sent:
            handler.chunk(line)
            if handler.stage.ended.wait(pause):
                break
        handler.drop() if dropped else handler.end()

    return play


def silent(seconds: float) -> Scene:
    """Nothing at all for a while."""

    def play(handler: Handler, _asked: Asked) -> None:
        handler.stage.ended.wait(seconds)
        handler.close_connection = True

    return play


class Quiet(ThreadingHTTPServer):
    """Connections that the client cut are no news here."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


@contextmanager
def playing(scenes: Sequence[Scene]) -> Iterator[Stage]:
    """A server on loopback that plays the scenes, ended with all its threads."""
    stage = Stage(scenes=list(scenes))
    handler = type("StageHandler", (Handler,), {"stage": stage})
    server = Quiet(("127.0.0.1", 0), handler)
    stage.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stage
    finally:
        stage.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
