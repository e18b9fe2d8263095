"""Importing products: once or twice, half-way or by two workers, and only into brands one sees."""

from __future__ import annotations

import json
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from campaigns.models import Brand, PriceRecord, Product, ProductImport
from campaigns.services import importing
from core import errors
from core.jobs import JobContext
from core.models import Job, User
from core.services import jobs
from core.services.api_keys import issue_api_key
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db(transaction=True)
FEED = "sku,name,price,color\nA-1,Mug,9.50,blue\nA-2,Cup,8.00,red\nA-3,Jug,x,green\n"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Any) -> None:
    settings.VAR = tmp_path


def uploaded(actor: User, brand: Brand, text: str = FEED) -> ProductImport:
    """A feed that waits for a look."""
    return importing.start_import(
        brand=brand, name="feed.csv", chunks=[text.encode()], language="en", currency="USD", actor=actor
    )


def asked(actor: User, brand: Brand, text: str = FEED, *, mark_missing: bool = False) -> ProductImport:
    """A feed whose job waits."""
    one = uploaded(actor, brand, text)
    importing.request_import(one, mapping=one.mapping, mark_missing=mark_missing, actor=actor)
    return ProductImport.objects.get(pk=one.pk)


def done(one: ProductImport) -> dict[str, int]:
    """The counts after a worker took the job."""
    from campaigns.tasks import import_products

    import_products(str(one.job_id))
    one.refresh_from_db()
    assert one.state == "done"
    return {name: count for name, count in one.counts.items() if count}


def test_the_same_feed_again_changes_nothing() -> None:
    alice, brand = people.alice(), shop.brand()
    first = asked(alice, brand)
    assert done(first) == {"created": 2, "failed": 1}
    assert [(one["row"], one["sku"], one["code"]) for one in first.problems] == [(4, "A-3", "price_unreadable")]
    assert done(asked(alice, brand)) == {"unchanged": 2, "failed": 1}
    assert (Product.objects.count(), PriceRecord.objects.count()) == (2, 2)


def test_a_changed_price_makes_one_record_and_a_changed_colour_none() -> None:
    alice, brand = people.alice(), shop.brand()
    done(asked(alice, brand))
    assert done(asked(alice, brand, FEED.replace("9.50", "7.50").replace("red", "pink"))) == {"updated": 2, "failed": 1}
    mug = Product.objects.get(sku="A-1")
    assert [one.price for one in mug.prices.all()] == [Decimal("7.50"), Decimal("9.50")]
    assert Product.objects.get(sku="A-2").prices.count() == 1


def test_what_a_feed_lacks_goes_off_sale_only_where_asked() -> None:
    alice, brand = people.alice(), shop.brand()
    bag = shop.product(brand)
    done(asked(alice, brand))
    bag.refresh_from_db()
    assert bag.is_active
    assert done(asked(alice, brand, mark_missing=True))["off_sale"] == 1
    bag.refresh_from_db()
    assert not bag.is_active


def test_a_sku_in_the_file_twice_counts_once_and_one_of_another_brand_is_refused() -> None:
    alice, brand = people.alice(), shop.brand()
    shop.product(shop.brand(key="other", name="Other"), sku="A-2")
    one = asked(alice, brand, FEED + "A-1,Mug again,3.00,blue\n")
    assert done(one) == {"created": 1, "failed": 3}
    assert {problem["code"] for problem in one.problems} == {"sku_taken", "price_unreadable", "sku_twice"}
    assert Product.objects.get(sku="A-2").name_en == "Canvas Tote"
    assert Product.objects.get(sku="A-1").price == Decimal("9.50")


def test_a_killed_worker_leaves_no_doubles_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PART", 1)
    one = asked(people.alice(), shop.brand())
    job = jobs.claim_job(one.job_id or "")
    assert job is not None
    context = JobContext(job)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(context, "progress", killed)
    with pytest.raises(KeyboardInterrupt):
        importing.run_import(context)
    jobs.release_job(job)
    assert Product.objects.count() == 1
    assert done(one) == {"created": 2, "failed": 1}
    assert PriceRecord.objects.count() == 2


def test_a_worker_that_lost_its_job_writes_nothing() -> None:
    from core.jobs import LeaseLost

    one = asked(people.alice(), shop.brand())
    late = jobs.claim_job(one.job_id or "")
    assert late is not None
    Job.objects.filter(pk=late.pk).update(lease=None, status="queued")
    with pytest.raises(LeaseLost):
        importing.run_import(JobContext(late))
    assert not Product.objects.exists()
    assert done(one) == {"created": 2, "failed": 1}


def test_a_cancelled_import_can_be_resumed() -> None:
    from campaigns.tasks import import_products

    alice = people.alice()
    one = asked(alice, shop.brand())
    job = Job.objects.get(pk=str(one.job_id))
    jobs.cancel_job(job, actor=alice)
    import_products(str(job.pk))
    one.refresh_from_db()
    assert (one.state, Product.objects.count()) == ("cancelled", 0)
    jobs.resume_job(job, actor=alice)
    assert done(one) == {"created": 2, "failed": 1}


def test_an_import_is_asked_for_once() -> None:
    alice, brand = people.alice(), shop.brand()
    one = uploaded(alice, brand)
    importing.request_import(one, mapping=one.mapping, mark_missing=False, actor=alice)
    with pytest.raises(errors.Conflict):
        importing.request_import(one, mapping=one.mapping, mark_missing=False, actor=alice)
    assert Job.objects.count() == 1


def test_only_marketers_and_only_of_the_brand_import() -> None:
    brand = shop.brand()
    with pytest.raises(errors.Forbidden):
        uploaded(people.ana(), brand)
    brand.members.add(people.dora())
    with pytest.raises(errors.NotFound):
        uploaded(people.alice(), brand)
    assert not ProductImport.objects.exists()


def test_a_file_above_the_limit_is_refused_and_not_kept(settings: Any, tmp_path: Path) -> None:
    settings.COPYLIFT_FEED_MAX_BYTES = 20
    with pytest.raises(errors.TooLarge):
        uploaded(people.alice(), shop.brand())
    assert list((tmp_path / importing.FOLDER).iterdir()) == []


def test_the_command_imports_a_file(tmp_path: Path) -> None:
    alice, brand, path = people.alice(), shop.brand(), tmp_path / "feed.csv"
    path.write_text(FEED)
    out = StringIO()
    call_command("import_products", str(path), brand=brand.key, member=alice.email, dry_run=True, stdout=out)
    assert (Product.objects.count(), "row 4 A-3 price" in out.getvalue()) == (0, True)
    call_command("import_products", str(path), brand=brand.key, member=alice.email, stdout=out)
    assert "2 created, 1 failed" in out.getvalue()


def send(client: Client, body: Any, scope: str = "write") -> Any:
    """The answer to a batch."""
    _key, secret = issue_api_key(name="shop", scopes=[scope], created_by=None)
    headers = {"Authorization": f"Bearer {secret}"}
    return client.put("/api/v1/products", json.dumps(body), content_type="application/json", headers=headers)


def test_a_batch_over_rest_names_each_item_and_again_changes_nothing(client: Client) -> None:
    shop.brand()
    items = [
        {"sku": "A-1", "name": "Mug", "price": 9.5, "stock": 3, "attributes": {"colour": "blue"}},
        {"sku": "A-2", "name": "Cup"},
        {"sku": "A-3", "name": "Jug", "price": "5", "weight": 3},
        {"sku": "A-1", "name": "Mug", "price": 1},
    ]
    body = {"brand": "lumen", "products": items}
    answer = send(client, body).json()
    assert [one["outcome"] for one in answer["results"]] == ["created", "failed", "failed", "failed"]
    assert [one["problems"][0]["code"] for one in answer["results"][1:]] == ["missing", "field_unknown", "sku_twice"]
    assert send(client, body).json()["counts"] == {"created": 0, "updated": 0, "unchanged": 1, "failed": 3}
    mug = Product.objects.get()
    assert (str(mug.price), mug.stock, mug.attributes, mug.prices.count()) == ("9.50", 3, {"en": {"colour": "blue"}}, 1)


def test_rest_refuses_another_scope_too_many_and_unknown_brands(client: Client) -> None:
    shop.brand()
    item = {"sku": "A", "name": "Mug", "price": 1}
    assert send(client, {"brand": "lumen", "products": [item]}, scope="read").status_code == 403
    assert send(client, {"brand": "nobody", "products": [item]}).status_code == 404
    assert send(client, {"brand": "lumen", "products": [item] * 1001}).status_code == 422
    assert not Product.objects.exists()


def test_products_are_read_over_rest_in_pages(client: Client) -> None:
    brand = shop.brand()
    shop.product(brand)
    shop.product(brand, sku="BAG-2")
    _key, secret = issue_api_key(name="shop", scopes=["read"], created_by=None)
    answer = client.get("/api/v1/products?limit=1&offset=1", headers={"Authorization": f"Bearer {secret}"}).json()
    assert (answer["total"], [one["sku"] for one in answer["products"]]) == (2, ["BAG-2"])
