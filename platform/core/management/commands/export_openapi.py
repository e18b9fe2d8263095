"""Write the API's OpenAPI document to docs/openapi.json, or hold the one there against the code."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

API = "config.api.api"


class Command(BaseCommand):
    """`make api-snapshot` runs it with --check."""

    help = "Write the OpenAPI document of /api/v1, or check that the committed one is current."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the file is not current")
        parser.add_argument("--output", type=Path, default=settings.ROOT / "docs" / "openapi.json", help="the file")

    def handle(self, *args: Any, **options: Any) -> None:
        text = document()
        file: Path = options["output"]
        current = file.read_text(encoding="utf-8") if file.exists() else ""
        if options["check"] and current != text:
            raise CommandError(
                f"{file.name} is not what the API is now. If the change is meant, run: manage.py export_openapi"
            )
        if not options["check"]:
            file.write_text(text, encoding="utf-8")
            self.stdout.write(f"wrote {file}")


def document() -> str:
    """The document as text, in an order that does not change between runs."""
    schema = import_string(API).get_openapi_schema(path_prefix="/api/v1/")
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True, default=str) + "\n"
