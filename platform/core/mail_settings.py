"""Where e-mail goes, from one address: smtp://user:password@host:587?tls=1. Pure. Empty: the console, for trying."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

CONSOLE = {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
PORTS = {"smtp": 25, "smtps": 465}
TIMEOUT = 20


def mail_settings(url: str) -> dict[str, Any]:
    """Django's EMAIL_ settings. Raises ValueError that says what is wrong; the password is never in the message."""
    if not url:
        return dict(CONSOLE)
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("COPYLIFT_EMAIL_URL must be like smtp://user:password@host:587?tls=1 or smtps://…")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError as problem:
        raise ValueError("COPYLIFT_EMAIL_URL: the port is not a number from 1 to 65535") from problem
    tls = parse_qs(parts.query).get("tls", ["0"])[-1] in {"1", "true", "yes"}
    if tls and parts.scheme == "smtps":
        raise ValueError("COPYLIFT_EMAIL_URL: smtps is encrypted from the start; leave tls=1 out")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname,
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": tls,
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_TIMEOUT": TIMEOUT,
    }
