"""Typed readers of environment variables: a value that cannot be used stops the start, and the message names it.

Every reader takes the name, a default and one line of help; what was read is remembered in `DECLARED`, so that a test
can hold the documentation to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

T = TypeVar("T")

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


class EnvironmentProblem(SystemExit):
    """A setting in the environment cannot be used. Ends the process with a sentence and exit code 2, no traceback."""

    def __init__(self, name: str, sentence: str) -> None:
        self.name = name
        self.sentence = f"{name}: {sentence}"
        super().__init__(self.sentence)
        self.code = self.sentence


@dataclass(frozen=True)
class Declared:
    """One environment variable the platform reads."""

    name: str
    default: str
    about: str


DECLARED: dict[str, Declared] = {}


def _read(name: str, default: object, about: str) -> str | None:
    DECLARED[name] = Declared(name=name, default="" if default is None else str(default), about=about)
    value = os.environ.get(name, "").strip()
    return value or None


def text(name: str, default: str = "", *, about: str) -> str:
    """A string; surrounding blanks are dropped, an empty value counts as unset."""
    return _read(name, default, about) or default


def flag(name: str, default: bool = False, *, about: str) -> bool:
    """A switch: 1, true, yes, on against 0, false, no, off."""
    value = _read(name, default, about)
    if value is None:
        return default
    if value.lower() in TRUE_WORDS:
        return True
    if value.lower() in FALSE_WORDS:
        return False
    raise EnvironmentProblem(name, f"must be one of 1, true, yes, on, 0, false, no, off; it is {value!r}.")


def integer(name: str, default: int, *, about: str, minimum: int | None = None, maximum: int | None = None) -> int:
    """A whole number inside its bounds."""
    value = _read(name, default, about)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError:
        raise EnvironmentProblem(name, f"must be a whole number; it is {value!r}.") from None
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        bounds = f"between {minimum} and {maximum}" if maximum is not None else f"at least {minimum}"
        raise EnvironmentProblem(name, f"must be {bounds}; it is {number}.")
    return number


def amount(name: str, *, about: str) -> Decimal | None:
    """A number that is not negative, such as a price; None where it is unset."""
    value = _read(name, "", about)
    if value is None:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise EnvironmentProblem(name, f"must be a number such as 0.15; it is {value!r}.") from None
    if not number.is_finite() or number < 0:
        raise EnvironmentProblem(name, f"must be a number that is not negative; it is {value}.")
    return number


def words(name: str, default: tuple[str, ...] = (), *, about: str) -> list[str]:
    """A list separated by commas; empty entries are dropped."""
    value = _read(name, ",".join(default), about)
    if value is None:
        return list(default)
    return [word.strip() for word in value.split(",") if word.strip()]


def choice(name: str, default: str, choices: Mapping[str, T], *, about: str) -> T:
    """One of the named values."""
    value = _read(name, default, about) or default
    if value not in choices:
        raise EnvironmentProblem(name, f"must be one of {', '.join(choices)}; it is {value!r}.")
    return choices[value]


def path(name: str, default: Path, *, about: str) -> Path:
    """A folder or file; `~` is expanded."""
    value = _read(name, default.name, about)
    return Path(value).expanduser() if value else default


def secret(name: str, default: str | None, *, about: str) -> str:
    """A secret from the variable, or from the file that NAME_FILE names (Docker and Kubernetes secrets).

    A default of None makes it required.
    """
    file_name = _read(f"{name}_FILE", "", f"A file that holds {name}.")
    if file_name:
        try:
            return Path(file_name).read_text(encoding="utf-8").strip()
        except OSError as problem:
            raise EnvironmentProblem(f"{name}_FILE", f"cannot be read ({problem.strerror}).") from None
    value = _read(name, "", about)
    value = default if value is None else value
    if value is None:
        raise EnvironmentProblem(name, "is not set, and there is no default for it.")
    return value


def database(url: str, *, name: str = "DATABASE_URL") -> dict[str, object]:
    """Django's DATABASES entry for a postgres:// URL. `?host=/folder` names a Unix socket, `?sslmode=` is passed on.

    Raises `EnvironmentProblem` for another scheme, a missing database name or a port that is no number.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise EnvironmentProblem(name, f"must begin with postgres://; its scheme is {parts.scheme or 'missing'!r}.")
    database_name = unquote(parts.path.lstrip("/"))
    if not database_name:
        raise EnvironmentProblem(name, "names no database: postgres://user:password@host:5432/NAME.")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    try:
        port = parts.port
    except ValueError:
        raise EnvironmentProblem(name, "its port is not a number from 1 to 65535.") from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database_name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", str(port or 5432)),
        "OPTIONS": query,
    }
