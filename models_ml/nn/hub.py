"""Whether the Hugging Face hub can be asked at all, found out within two seconds.

The hub library retries for minutes where there is no network. So one connection is tried first, in a thread, because
looking up a name has no time limit of its own.
"""

from __future__ import annotations

import os
import socket
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies

SECONDS = 1.5
_ON = {"1", "ON", "YES", "TRUE"}


def hub_reachable(endpoint: str | None = None) -> bool:
    """Whether the hub (or the proxy on the way to it) takes a connection; never where the environment says offline."""
    if any(os.environ.get(name, "").upper() in _ON for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")):
        return False
    target = endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    address = urlsplit(getproxies().get(urlsplit(target).scheme) or target)
    found = threading.Event()
    port = address.port or (443 if address.scheme == "https" else 80)
    # A daemon: a name server that never answers must not keep the process from ending.
    threading.Thread(target=_connect, args=(address.hostname or "", port, found), daemon=True).start()
    return found.wait(SECONDS)


def _connect(host: str, port: int, found: threading.Event) -> None:
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError:
        return
    found.set()
