"""Calls to addresses that people typed in: images of products, webhooks. The guard against server-side request forgery.

A name is resolved once, every address it has must be public, and the connection is made to that very address, so that
a second answer of the name server cannot lead inside (DNS rebinding). Redirects are followed by hand, each checked the
same way, and never for `post`. Proxies named in the environment are not used. One timer ends a call that drips.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from core import errors

PORTS = {"http": 80, "https": 443}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 3
MOST_CHARACTERS = 2000
READ_AT_ONCE = 65_536
BODY_START_BYTES = 500
USER_AGENT = "Copylift/1"
# Public by its number, yet the inside of a cloud: Azure's own services answer there.
ALSO_INSIDE = frozenset({ipaddress.ip_address("168.63.129.16")})
# These carry an IPv4 address of anyone's choice inside an IPv6 one: mapped, compatible, NAT64, 6to4, Teredo.
CARRIERS = [
    ipaddress.IPv6Network(network)
    for network in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Fetched:
    """What was read: the body whole, its content type without parameters, and the address after redirects."""

    body: bytes
    content_type: str
    url: str


@dataclass(frozen=True)
class Answer:
    """How a post was answered. `body_start` is untrusted text, cut."""

    status: int
    body_start: str
    retry_after: str = ""


@dataclass(frozen=True)
class Target:
    """A checked address: where to connect, and what to say there."""

    parts: SplitResult
    host: str
    port: int
    address: str

    def request_path(self) -> str:
        """Path and query, percent-encoded."""
        path = quote(self.parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = quote(self.parts.query, safe="/%:@!$&'()*+,;=~-._?")
        return f"{path}?{query}" if query else path


class Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked; TLS still proves the name."""

    def __init__(self, target: Target, timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self.default_port = PORTS[target.parts.scheme]
        self.target = target

    def connect(self) -> None:
        """Connect without asking the name server again."""
        self.sock = socket.create_connection((self.target.address, self.target.port), self.timeout)
        if self.target.parts.scheme == "https":
            safe = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self.target.host, do_handshake_on_connect=False
            )
            # Known before the handshake, so that the timer can end one that drips.
            self.sock = safe
            safe.do_handshake()


def fetch(url: str, *, max_bytes: int, timeout: float, content_types: Collection[str]) -> Fetched:
    """Read one resource of at most `max_bytes` within `timeout` seconds for each hop.

    `content_types` are whole types (`image/png`). Raises InvalidInput for an address that may not be called,
    UnsupportedMedia, TooLarge, and Unavailable where nothing useful answers.
    """
    for _hop in range(MOST_REDIRECTS + 1):
        with answered("GET", url, timeout=timeout) as answer:
            if answer.status in REDIRECTS:
                url = urljoin(url, answer.headers.get("Location", ""))
                continue
            return read(answer, url, max_bytes=max_bytes, content_types=content_types)
    raise unavailable(_("This address leads on to others too often."), "redirects")


def post(url: str, *, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
    """Send once and say how it was answered, whatever the status; a redirect is an answer too.

    Raises InvalidInput for an address that may not be called, and Unavailable where nobody answers in time.
    """
    with answered("POST", url, timeout=timeout, body=body, headers=headers) as answer:
        start = answer.read(BODY_START_BYTES).decode("utf-8", "replace").replace("\x00", "")
        return Answer(answer.status, start, answer.headers.get("Retry-After", ""))


def check(url: str) -> Target:
    """Where a call to this address would go now. Raises InvalidInput with the reason it may not, or Unavailable."""
    parts, port = parsed(url)
    host = plain_host(parts)
    if not host:
        raise refused(_("the address names no host."))
    addresses = resolved(host, port)
    if not settings.COPYLIFT_ALLOW_PRIVATE_ADDRESSES and not all(is_public(address) for address in addresses):
        raise refused(_("this host is inside a private network, which may not be called."))
    return Target(parts=parts, host=host, port=port, address=str(addresses[0]))


def parsed(url: str) -> tuple[SplitResult, int]:
    """The parts of an address and its port, by its shape alone."""
    if len(url) > MOST_CHARACTERS or any(ord(sign) <= 32 or ord(sign) == 127 for sign in url):
        raise refused(_("the address is too long or has blanks in it."))
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise refused(_("this is not a web address.")) from None
    if parts.scheme not in PORTS:
        raise refused(_("only http and https addresses can be called."))
    if "@" in parts.netloc:
        raise refused(_("the address may not carry a user name or password."))
    if port not in PORTS.values() and not settings.COPYLIFT_ALLOW_PRIVATE_ADDRESSES:
        raise refused(_("only the ports 80 and 443 can be called."))
    return parts, port


def plain_host(parts: SplitResult) -> str:
    """The host in ASCII (an IPv6 number stays as it is); empty where it cannot be one."""
    host = parts.hostname or ""
    try:
        return host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def resolved(host: str, port: int) -> list[Address]:
    """Every address of a host, asked for once."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise unavailable(_("This host is not known."), "unknown_host") from None
    return [ipaddress.ip_address(str(one[4][0]).split("%")[0]) for one in found]


def is_public(address: Address) -> bool:
    """Whether anyone on the internet may be meant: not private, local, reserved, multicast, nor in disguise."""
    if any(address in carrier for carrier in CARRIERS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and address not in ALSO_INSIDE


@contextmanager
def answered(
    method: str, url: str, *, timeout: float, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Iterator[http.client.HTTPResponse]:
    """One request, its answer open for reading, all of it within the time."""
    connection = Pinned(check(url), timeout)
    timer = threading.Timer(timeout, hang_up, args=(connection,))
    timer.daemon = True
    timer.start()
    sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
    try:
        connection.request(method, connection.target.request_path(), body=body, headers=sent)
        yield connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise unavailable(_("No usable answer came from this address."), "no_answer") from error
    finally:
        timer.cancel()
        connection.close()


def hang_up(connection: Pinned) -> None:
    """End a call from outside. The plain socket's method, as TLS's own would first forget its session."""
    if connection.sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def read(answer: http.client.HTTPResponse, url: str, *, max_bytes: int, content_types: Collection[str]) -> Fetched:
    """The body, if it is of a wanted type and within the limit, whatever its length was said to be."""
    if answer.status != 200:
        raise unavailable(_("This address answered with status %(status)d.") % {"status": answer.status}, "status")
    content_type = answer.headers.get_content_type()
    if content_type not in content_types or answer.headers.get("Content-Encoding", "identity") != "identity":
        raise errors.UnsupportedMedia(_("What lies at this address is of another kind than is wanted."))
    body = bytearray()
    while piece := answer.read(min(READ_AT_ONCE, max_bytes + 1 - len(body))):
        body += piece
        if len(body) > max_bytes:
            raise errors.TooLarge(_("What lies at this address is larger than is taken."))
    if answer.length:
        raise unavailable(_("The answer broke off."), "broken_off")
    return Fetched(bytes(body), content_type, url)


def refused(sentence: str) -> errors.InvalidInput:
    """An address that may not be called."""
    return errors.InvalidInput.field("url", sentence, code="address_refused")


def unavailable(sentence: str, code: str) -> errors.Unavailable:
    """An address where nothing useful answers."""
    return errors.Unavailable(sentence, code=code)
