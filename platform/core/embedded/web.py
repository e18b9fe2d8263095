"""The web process seen from outside: is its port free, and is it ready."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
import time

from core.embedded.problems import ServiceProblem
from core.embedded.programs import Fleet

# A web process that a killed launcher left behind gives its port back within this time.
PORT_SECONDS = 3.0


def require_free_port(fleet: Fleet) -> None:
    """Raise `ServiceProblem` where the port cannot be listened on, and name another way."""
    deadline = time.monotonic() + PORT_SECONDS
    while (reason := _port_problem(fleet.host, fleet.port)) is not None:
        if reason == errno.EADDRINUSE and time.monotonic() < deadline:
            time.sleep(0.1)
            continue
        raise ServiceProblem(_port_sentence(fleet, reason))


def _port_problem(host: str, port: int) -> int | None:
    """The error number of listening there; None where it works."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as problem:
            return problem.errno
    return None


def _port_sentence(fleet: Fleet, reason: int) -> str:
    if reason == errno.EADDRINUSE:
        other = fleet.port + 1 if fleet.port < 65535 else 8000
        return f"Port {fleet.port} is in use by another program. Choose another one: make run PORT={other}"
    if reason == errno.EACCES:
        return f"Port {fleet.port} needs special rights. Choose one above 1023: make run PORT=8000"
    return f"{fleet.host} port {fleet.port} cannot be listened on ({os.strerror(reason)}). Try: make run PORT=8000"


def ask_ready(fleet: Fleet) -> tuple[int, str]:
    """The status of GET /readyz and, in words, what it says is missing. Status 0 where nothing answers."""
    host = "127.0.0.1" if fleet.host in {"0.0.0.0", "::"} else fleet.host  # noqa: S104 (compared)
    connection = http.client.HTTPConnection(host, fleet.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        checks = json.loads(answer.read()).get("checks", {})
        return answer.status, "; ".join(
            f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"]
        )
    except (OSError, http.client.HTTPException, ValueError, AttributeError, KeyError, TypeError):
        return 0, "the web process does not answer"
    finally:
        connection.close()
