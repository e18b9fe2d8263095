"""`manage.py load_demo`: puts the demo shop into the database. Adds what is missing; running it again does nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from campaigns.demo import crowd, data, loading, people
from core import errors
from core.roles import Role


class Command(BaseCommand):
    help = (
        "Loads the demo shop: members, brand, products, audiences, shoppers and campaigns as drafts. "
        "Adds only what is missing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        begun = time.monotonic()
        try:
            load(self.stdout.write)
        except errors.CopyliftError as problem:
            raise CommandError("\n".join(problem.sentences())) from problem
        self.stdout.write(f"The demo shop is there ({time.monotonic() - begun:.1f} s).")


def load(say: Callable[[str], Any]) -> None:
    """All of it, one line a step. The file of credentials is written before the first campaign needs a member."""
    shop = data.load()
    credentials = people.Credentials(settings.VAR)
    say(f"  members     {_count(people.load_members(shop.members, credentials), len(shop.members))}")
    renewed = people.load_api_key(credentials, owner=people.member_of(shop.members, Role.ADMINISTRATOR))
    credentials.save(shop.members)
    say(f"  API key     {'made' if renewed else 'there already'}; logins and key are in {credentials.path}")
    say(f"  brand       {shop.brand.name} {'made' if loading.load_brand(shop.brand) else 'was there already'}")
    say(f"  products    {_count(loading.load_products(shop.products, shop.brand), len(shop.products))}")
    say(f"  audiences   {_count(loading.load_audiences(shop.audiences), len(shop.audiences))}")
    shoppers = crowd.units(shop.campaigns)
    say(f"  shoppers    {_count(crowd.load_shoppers(shop), len(shoppers))}")
    marketer = people.member_of(shop.members, Role.MARKETER)
    say(f"  campaigns   {_count(loading.load_campaigns(shop, marketer=marketer), len(shop.campaigns))}")


def _count(made: int, total: int) -> str:
    return f"{made} made, {total - made} there already"
