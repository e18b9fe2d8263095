"""`make messages`: collects the sentences of the pages into the catalogues and compiles them.

Needs GNU gettext for collecting. The compiled catalogues are in the repository, so that running needs no gettext; a
test holds both to the same content.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parents[1]
CATALOGUES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po"))
COLLECT = ["makemessages", "--all", "--no-obsolete", "--no-wrap", "--add-location", "file"]
LEFT_OUT = [".venv*", "var*", "tests*", "build", "benchmarks*", "scripts*"]
# Times would change the file at each run without a reason.
DATES = ("POT-Creation-Date", "PO-Revision-Date")


def main() -> int:
    """Collect, settle what changes without a reason, compile; then say what waits for a translation."""
    ignored = [word for pattern in LEFT_OUT for word in ("--ignore", pattern)]
    command = [sys.executable, "-W", "ignore", str(ROOT / "manage.py"), *COLLECT, *ignored]
    subprocess.run(command, check=True, cwd=ROOT)
    waiting = [line for path in CATALOGUES for line in settle(path)]
    print("\n".join(waiting) or "Every sentence is translated.")
    return 1 if waiting else 0


def settle(path: Path) -> list[str]:
    """Write one catalogue in a form that does not change by itself, and its compiled twin; what waits in it."""
    catalogue = polib.pofile(str(path), wrapwidth=0)
    for name in DATES:
        catalogue.metadata[name] = "2026-01-01 00:00+0000"
    catalogue.save(str(path))
    catalogue.save_as_mofile(str(path.with_suffix(".mo")))
    language = path.parents[1].name
    return [f"{language}: {entry.msgid!r}" for entry in catalogue if not entry.translated()]


if __name__ == "__main__":
    sys.exit(main())
