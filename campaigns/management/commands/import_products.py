"""Import a product feed from a file, without the browser: the same steps, at once instead of in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.models import Brand, ProductImport
from campaigns.product_words import told
from campaigns.services import importing
from core import errors
from core.jobs import run_job
from core.models import User


class Command(BaseCommand):
    """`import_products FILE --brand KEY --member MAIL`."""

    help = "Import products from CSV, JSON, JSON lines, a Shopify export or a Google Merchant feed."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, whose it is, and who is named in the audit trail."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--brand", required=True, help="the brand's key")
        parser.add_argument("--member", required=True, help="e-mail address of the member who imports")
        parser.add_argument("--language", choices=["en", "zh"], default="en")
        parser.add_argument("--currency", default="USD", help="where a price names none")
        parser.add_argument("--mark-missing", action="store_true", help="what the feed lacks is marked as off sale")
        parser.add_argument("--dry-run", action="store_true", help="only show the first rows as they would be read")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run it."""
        member = User.objects.filter(email=options["member"]).first()
        brand = Brand.objects.filter(key=options["brand"]).first()
        if member is None or brand is None:
            raise CommandError("There is no such member." if member is None else "There is no such brand.")
        try:
            self._run(brand, member, options)
        except (errors.CopyliftError, OSError) as problem:
            raise CommandError(str(problem)) from None

    def _run(self, brand: Brand, member: User, options: dict[str, Any]) -> None:
        one = importing.start_import(
            brand=brand,
            name=str(options["file"]),
            chunks=_chunks(options["file"]),
            language=options["language"],
            currency=options["currency"],
            actor=member,
        )
        self.stdout.write(f"{one.name}: {one.format}")
        if options["dry_run"]:
            self._preview(one)
            return
        job = importing.request_import(one, mapping=one.mapping, mark_missing=options["mark_missing"], actor=member)
        run_job(str(job.pk), importing.run_import)
        importing.settle_import(ProductImport.objects.get(pk=one.pk))
        self._report(ProductImport.objects.get(pk=one.pk))

    def _preview(self, one: ProductImport) -> None:
        for row in importing.preview(one, one.mapping):
            self.stdout.write(f"{row.row}: {row.sku} {row.values} {row.attributes}")
            self._problems([problem.to_dict() for problem in row.problems])
        importing.path_of(one).unlink(missing_ok=True)
        one.delete()

    def _report(self, one: ProductImport) -> None:
        self.stdout.write(", ".join(f"{count} {name}" for name, count in sorted(one.counts.items())))
        self._problems(one.problems)
        if one.state != ProductImport.State.DONE:
            raise CommandError(str(one.job.error if one.job else one.state))

    def _problems(self, problems: list[dict[str, Any]]) -> None:
        for problem in map(told, problems):
            self.stdout.write(f"row {problem['row']} {problem['sku']} {problem['field_name']}: {problem['sentence']}")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1 << 16):
            yield chunk
