"""Addresses of the embedded servers, in the forms Django, Celery and redis-py want. Nothing is started here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from core.embedded import paths

DATABASE = "copylift"
SUPERUSER = "postgres"


def is_embedded(env: Mapping[str, str] | None = None, *, name: str = "DATABASE_URL") -> bool:
    """Whether the server that `name` (DATABASE_URL or REDIS_URL) could point to is ours to start: it is unset."""
    return not (os.environ if env is None else env).get(name, "").strip()


def database_url(var: Path | None = None) -> str:
    """`postgres://postgres:PASSWORD@/copylift?host=FOLDER&port=5432`, over the Unix socket in FOLDER."""
    password = quote(paths.secrets(var)["postgres_password"], safe="")
    return f"postgres://{SUPERUSER}:{password}@/{DATABASE}?host={quote(str(paths.postgres_socket_dir(var)))}&port=5432"


def redis_url(var: Path | None = None) -> str:
    """`redis+socket:///…/valkey.sock`, Celery's form."""
    return f"redis+socket://{quote(str(paths.valkey_socket(var)))}"


def redis_client_url(var: Path | None = None) -> str:
    """`unix:///…/valkey.sock`, the form of redis-py and Django's cache."""
    return f"unix://{quote(str(paths.valkey_socket(var)))}"
