"""A fresh web process carries no torch, no transformers, no pandas and no worker code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    *("torch", "transformers", "tokenizers", "pandas", "statsmodels", "pyarrow", "vl_convert"),
    *("celery.worker", "celery.apps.worker", "celery.concurrency"),
)

SERVE_ONCE = """
import gc, sys
sys.path.insert(1, "platform")
from config.wsgi import application
assert gc.get_freeze_count() > 50_000, "a full collection would hold up pages"
from django.urls import get_resolver
from django.contrib import admin

# What a server touches before and while it answers: every address, the API, the admin, each task.
get_resolver().url_patterns
from django.urls import reverse
reverse("admin:index")
from config.celery import app
app.loader.import_default_modules()
{planted}
print("\\n".join(sorted(sys.modules)))
"""


def modules(planted: str = "") -> set[str]:
    """The modules of a fresh web process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SERVE_ONCE.format(planted=planted)],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_web_process_is_light() -> None:
    assert {name for name in modules() if name.startswith(HEAVY)} == set()


def test_the_check_sees_a_planted_import() -> None:
    assert "pandas" in modules("import pandas")
