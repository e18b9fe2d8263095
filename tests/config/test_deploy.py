"""Django's own check of a deployment finds nothing in the production settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def check(**changes: str) -> subprocess.CompletedProcess[str]:
    """The check in the settings of a deployment, with some of them changed."""
    production = {"COPYLIFT_HTTPS": "1", "COPYLIFT_PUBLIC_URL": "https://copy.example", "COPYLIFT_DEBUG": "0"}
    key = {"COPYLIFT_SECRET_KEY": "".join(chr(48 + number) for number in range(70))}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    # A browser test in the same process sets the last one, which no deployment does and the check would find.
    here = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    environment = {**here, **production, **key, **changes}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_the_deployment_check_is_clean_over_https() -> None:
    done = check()
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), done.stderr


def test_the_check_would_find_what_is_wrong() -> None:
    done = check(COPYLIFT_DEBUG="1", COPYLIFT_SECRET_KEY="short")
    assert done.returncode == 1
    assert "security.W018" in done.stderr
    assert "security.W009" in done.stderr
