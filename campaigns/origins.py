"""Origins of a shop's pages, as browsers send them: scheme, host and a port other than the scheme's own. Pure.

Peculiar: an address with a path is taken for its origin, since people copy addresses; `*` is refused, since the list is
what keeps other sites out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
HOST = re.compile(
    r"(?=.{1,190}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*|\[[0-9a-f:.]{2,45}\]"
)
MOST = 20
LONGEST = 200


class OriginError(ValueError):
    """No origin; `text` is what was entered."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def origin_of(text: str) -> str:
    """`https://Shop.example/bags` as `https://shop.example`. Raises OriginError."""
    try:
        parts = urlsplit(text.strip())
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError:
        raise OriginError(text) from None
    if parts.scheme not in PORTS or not HOST.fullmatch(host) or parts.username is not None:
        raise OriginError(text)
    shown = f":{port}" if port not in (None, PORTS[parts.scheme]) else ""
    return f"{parts.scheme}://{host}{shown}"


def origins_of(texts: Iterable[str]) -> list[str]:
    """Each origin once, in the order entered; empty entries are passed over. Raises OriginError."""
    return list(dict.fromkeys(origin_of(text) for text in texts if text.strip()))


def _host(host: str) -> str:
    if ":" in host:
        return f"[{host}]"
    # As a browser writes a name with letters of other alphabets.
    return host if host.isascii() else host.encode("idna").decode("ascii")
