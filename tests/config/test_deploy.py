"""Django's own check of a deployment finds nothing in the production settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_deployment_check_is_clean_over_https() -> None:
    production = {"COPYLIFT_HTTPS": "1", "COPYLIFT_PUBLIC_URL": "https://copy.example", "COPYLIFT_DEBUG": "0"}
    key = {"COPYLIFT_SECRET_KEY": "".join(chr(48 + number) for number in range(70))}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    # A browser test in the same process sets the last one, which no deployment does and the check would find.
    here = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    environment = {**here, **production, **key}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "System check identified no issues (0 silenced).\n"), done.stderr
