"""Calls to typed addresses: nothing inside is reached, a name is asked for once, and size and time are bounded."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from pytest_django.fixtures import Settings

from core import errors, outgoing

INSIDE = [
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.100.100.200/latest/meta-data/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:7f00:1::]/",
    "http://localhost/",
]
SHAPES = [
    "file:///etc/passwd",
    "ftp://example.com/",
    "gopher://example.com/",
    "//example.com/",
    "http://",
    "http://example.com:22/",
    "http://example.com:99999/",
    "http://user:word@example.com/",
    "http://exa mple.com/",
    "http://example.com/\r\nX-Evil: 1",
    "http://example.com/" + "a" * 2000,
]


class Shop(BaseHTTPRequestHandler):
    """Answers by path, and keeps what it was asked."""

    asked: ClassVar[list[tuple[str, str, bytes]]] = []

    def do_GET(self) -> None:
        """A picture, a redirect, or too much of something."""
        type(self).asked.append((self.path, self.headers["Host"], b""))
        if self.path.startswith("/to/"):
            return self.answer(302, b"", Location=self.path.removeprefix("/to/"))
        if self.path == "/loop":
            return self.answer(302, b"", Location="/loop")
        return self.answer(200, b"x" * 1000, **{"Content-Type": "image/png; a=b"})

    def do_POST(self) -> None:
        """Take the body."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).asked.append((self.path, self.headers["X-Mark"], body))
        self.answer(307 if self.path == "/moved" else 429, b"slow\x00", **{"Retry-After": "7", "Location": "/taken"})

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Send."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def shop(settings: Settings) -> Iterator[str]:
    """A server on this machine, allowed by the setting."""
    settings.COPYLIFT_ALLOW_PRIVATE_ADDRESSES = True
    Shop.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def get(url: str, **changes: Any) -> outgoing.Fetched:
    """A fetch with limits nobody meets here."""
    return outgoing.fetch(url, **{"max_bytes": 5000, "timeout": 10, "content_types": {"image/png"}, **changes})


@pytest.mark.parametrize("url", [*INSIDE, *SHAPES])
def test_an_address_inside_or_of_another_shape_is_refused_before_any_connection(
    url: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError

    settings.COPYLIFT_ALLOW_PRIVATE_ADDRESSES = False
    monkeypatch.setattr(socket, "create_connection", never)
    with pytest.raises(errors.InvalidInput) as refusal:
        get(url)
    assert refusal.value.problems[0].code == "address_refused"
    with pytest.raises(errors.InvalidInput):
        outgoing.post(url, body=b"", headers={}, timeout=1)


def test_one_private_address_among_public_ones_refuses_the_host(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COPYLIFT_ALLOW_PRIVATE_ADDRESSES = False
    both = [(0, 0, 0, "", ("93.184.215.14", 80)), (0, 0, 0, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(errors.InvalidInput):
        outgoing.check("http://shop.example/")


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_are_public(address: str) -> None:
    assert outgoing.is_public(ipaddress.ip_address(address))


def test_a_name_is_resolved_once_and_that_address_is_called(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    true_answer = socket.getaddrinfo

    def rebinding(host: str, *rest: Any, **named: Any) -> Any:
        asked.append(host)
        return true_answer("127.0.0.1", *rest, **named) if host == "shop.example" else true_answer(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    port = shop.rsplit(":", 1)[1]
    assert get(f"http://shop.example:{port}/a.png").content_type == "image/png"
    assert asked.count("shop.example") == 1
    assert Shop.asked == [("/a.png", f"shop.example:{port}", b"")]


def test_a_redirect_is_followed_and_its_end_is_named(shop: str) -> None:
    fetched = get(f"{shop}/to//b.png")
    assert (len(fetched.body), fetched.url) == (1000, f"{shop}/b.png")


@pytest.mark.parametrize("end", ["file:///etc/passwd", "http://user@127.0.0.1/"])
def test_a_redirect_to_a_forbidden_address_is_refused(shop: str, end: str) -> None:
    with pytest.raises(errors.InvalidInput):
        get(f"{shop}/to/{end}")
    assert len(Shop.asked) == 1


def test_redirects_end_after_three(shop: str) -> None:
    with pytest.raises(errors.Unavailable):
        get(f"{shop}/loop")
    assert len(Shop.asked) == 4


def test_more_bytes_than_allowed_are_not_taken(shop: str) -> None:
    with pytest.raises(errors.TooLarge):
        get(f"{shop}/a.png", max_bytes=999)
    assert len(get(f"{shop}/a.png", max_bytes=1000).body) == 1000


def test_another_content_type_is_not_taken(shop: str) -> None:
    with pytest.raises(errors.UnsupportedMedia):
        get(f"{shop}/a.png", content_types={"image/jpeg"})


def test_a_post_is_sent_once_and_its_answer_given_whatever_it_is(shop: str) -> None:
    answer = outgoing.post(f"{shop}/hook", body=b"{}", headers={"X-Mark": "m"}, timeout=10)
    assert (answer.status, answer.body_start, answer.retry_after) == (429, "slow", "7")
    moved = outgoing.post(f"{shop}/moved", body=b"{}", headers={"X-Mark": "m"}, timeout=10)
    assert moved.status == 307
    assert [path for path, _, _ in Shop.asked] == ["/hook", "/moved"]


def test_where_nobody_answers_or_the_answer_drips_the_call_ends(settings: Settings) -> None:
    settings.COPYLIFT_ALLOW_PRIVATE_ADDRESSES = True
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(errors.Unavailable):
            get(url, timeout=0.1)
    with pytest.raises(errors.Unavailable):
        get(url, timeout=1)
