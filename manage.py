#!/usr/bin/env python
"""Django's command line: puts platform/ on the path and, where no DATABASE_URL is given, the embedded servers under it.

platform/ is inserted *behind* the first entry: the repository root stays first, and `import platform` stays the
standard library's (docs/adr/0002).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> None:
    """Run one management command, with the embedded servers where it needs them."""
    sys.path.insert(1, str(ROOT / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from core.embedded.services import ensure_for_command

    ensure_for_command(sys.argv)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
